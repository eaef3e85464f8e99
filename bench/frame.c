/*
 * Frame: magic, three bytes of zero, both sizes in network order, four bytes of zero.
 */
#include "bench/frame.h"

#include <arpa/inet.h>
#include <string.h>

void frame_write(const struct frame *frame, uint8_t out[static FRAME_HEAD_LEN])
{
    uint32_t request_len = htonl(frame->request_len);
    uint32_t reply_len = htonl(frame->reply_len);

    memset(out, 0, FRAME_HEAD_LEN);
    out[0] = FRAME_MAGIC;
    memcpy(out + 4, &request_len, sizeof(request_len));
    memcpy(out + 8, &reply_len, sizeof(reply_len));
}

bool frame_read(const uint8_t head[static FRAME_HEAD_LEN], struct frame *out)
{
    static const uint8_t begin[4] = {FRAME_MAGIC};
    static const uint8_t end[4] = {0};
    struct frame frame;

    memcpy(&frame.request_len, head + 4, sizeof(frame.request_len));
    memcpy(&frame.reply_len, head + 8, sizeof(frame.reply_len));
    frame.request_len = ntohl(frame.request_len);
    frame.reply_len = ntohl(frame.reply_len);
    if (memcmp(head, begin, sizeof(begin)) != 0 || memcmp(head + 12, end, sizeof(end)) != 0 ||
        frame.request_len < FRAME_HEAD_LEN || frame.request_len > FRAME_MESSAGE_MAX ||
        frame.reply_len < 1 || frame.reply_len > FRAME_MESSAGE_MAX) {
        return false;
    }
    *out = frame;
    return true;
}

void frame_pattern(uint8_t *out, size_t len, size_t at)
{
    size_t done = len < FRAME_PATTERN_LEN ? len : FRAME_PATTERN_LEN;

    for (size_t i = 0; i < done; i++) {
        out[i] = (uint8_t)('a' + (at + i) % FRAME_PATTERN_LEN);
    }
    while (done < len) { /* whole patterns, twice as many each time */
        size_t more = len - done < done ? len - done : done;

        memcpy(out + done, out, more);
        done += more;
    }
}
