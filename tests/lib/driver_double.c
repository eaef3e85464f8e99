/*
 * Driver double: the order of the driver's checks, and what it does to its key.
 */
#include "tests/lib/driver_double.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/little_endian.h"
#include "attest/sim.h"
#include "attest/table.h"
#include "common/err.h"

#define GARBAGE SEV_GUEST_TOO_SMALL /* not to be looked at */
#define VMPL_MAX 3

/* What is wrong; all 0 where nothing is. */
struct faults {
    uint64_t wiped;         /* the key is gone */
    uint64_t errnum;        /* of every request */
    uint64_t exitinfo2;     /* what comes with EIO */
    uint64_t extended;      /* errno of a request for certificates */
    uint64_t need;          /* bytes that the certificates take */
    uint64_t claimed;       /* that they take, where that is not so */
    uint64_t growing;       /* they take a page more each time */
    uint64_t no_certs;      /* the host has none */
    uint64_t noise;         /* the host has no table but this byte, everywhere */
    uint64_t status;        /* of the firmware */
    uint64_t floor;         /* VMPL of the guest: less may not be asked for */
    uint64_t report_size;   /* that the answer claims */
    uint64_t stale;         /* a report for other data */
    uint64_t other_vmpl;    /* a report for another VMPL */
    uint64_t interruptions; /* how many calls a signal interrupts */
    uint64_t garbage;       /* an old kernel, which copies exitinfo2 out always */
};

// clang-format off
#define FAULT(name) {#name, offsetof(struct faults, name)}
static const struct {
    const char *name;
    size_t offset;
} names[] = {
    FAULT(wiped), FAULT(errnum), FAULT(exitinfo2), FAULT(extended), FAULT(need), FAULT(claimed), FAULT(growing), FAULT(no_certs),
    FAULT(noise), FAULT(status), FAULT(floor), FAULT(report_size), FAULT(stale), FAULT(other_vmpl),
    FAULT(interruptions), FAULT(garbage),
};
// clang-format on

struct driver_double {
    struct sim *sim;
    struct faults faults;
    unsigned num_calls;
    unsigned num_requests;
};

struct driver_double *driver_double_new(const char *mdir, struct err *err)
{
    struct driver_double *driver = calloc(1, sizeof(*driver));

    if (driver == NULL) {
        err_set(err, ERR_LIMIT, "no memory");
        return NULL;
    }
    driver->sim = sim_open(mdir, err);
    if (driver->sim == NULL) {
        free(driver);
        return NULL;
    }
    return driver;
}

void driver_double_free(struct driver_double *driver)
{
    if (driver != NULL) {
        sim_free(driver->sim);
        free(driver);
    }
}

int driver_double_set(struct driver_double *driver, const char *text, struct err *err)
{
    size_t len = strcspn(text, "=");
    char *end = NULL;
    uint64_t value = text[len] == '\0' ? 1 : strtoull(text + len + 1, &end, 0);

    if (end != NULL && (end == text + len + 1 || *end != '\0')) {
        return err_set(err, ERR_INVALID, "%s: need a number", text);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, text, len) == 0) {
            memcpy((uint8_t *)&driver->faults + names[i].offset, &value, sizeof(value));
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "%s: no such fault", text);
}

/* The host's certificates as it lays them out; how long that is. */
static size_t fill_table(const struct driver_double *driver, uint8_t out[SEV_GUEST_CERTS_MAX])
{
    static const enum table_kind kinds[] = {TABLE_VCEK, TABLE_ASK};
    const struct bytes bodies[] = {sim_vek(driver->sim), sim_ask(driver->sim)};
    size_t offset = (size_t)3 * TABLE_ENTRY_LEN;

    memset(out, (int)driver->faults.noise, SEV_GUEST_CERTS_MAX);
    if (driver->faults.noise != 0 || driver->faults.no_certs != 0) {
        return driver->faults.noise != 0 ? SEV_GUEST_PAGE : 0;
    }
    for (size_t i = 0; i < 2; i++) {
        memcpy(out + i * TABLE_ENTRY_LEN, table_kind_guid(kinds[i]), TABLE_GUID_LEN);
        little_endian_write(out + i * TABLE_ENTRY_LEN + TABLE_GUID_LEN, offset, 4);
        little_endian_write(out + i * TABLE_ENTRY_LEN + TABLE_GUID_LEN + 4, bodies[i].len, 4);
        memcpy(out + offset, bodies[i].data, bodies[i].len);
        offset += bodies[i].len;
    }
    return offset;
}

static size_t whole_pages(size_t len)
{
    return (len + SEV_GUEST_PAGE - 1) / SEV_GUEST_PAGE * SEV_GUEST_PAGE;
}

/* The host, asked for certificates: false if there is too little room. */
static bool take_certs(struct driver_double *driver, struct driver_exchange *exchange)
{
    size_t room = exchange->request.certs_len;
    size_t need = whole_pages(fill_table(driver, exchange->certs));

    if (driver->faults.need != 0) {
        need = driver->faults.need;
        driver->faults.need += driver->faults.growing != 0 ? SEV_GUEST_PAGE : 0;
    }
    exchange->certs_len = room;
    if (need > room) {
        exchange->request.certs_len =
            (uint32_t)(driver->faults.claimed != 0 ? driver->faults.claimed : need);
        return false;
    }
    return true;
}

/* The driver's own checks, before anything is sent. */
static int check_call(const struct driver_double *driver, const struct driver_exchange *exchange)
{
    const struct sev_guest_ext_request *request = &exchange->request;
    bool extended = exchange->number == SEV_GUEST_GET_EXT_REPORT;

    if (exchange->call.msg_version == 0) {
        return EINVAL;
    }
    if (driver->faults.wiped != 0 || (!extended && exchange->number != SEV_GUEST_GET_REPORT)) {
        return ENOTTY;
    }
    if (exchange->call.req_data == 0 || exchange->call.resp_data == 0) {
        return EINVAL;
    }
    if (extended && driver->faults.extended != 0) {
        return (int)driver->faults.extended;
    }
    if (extended &&
        (request->certs_len > SEV_GUEST_CERTS_MAX || request->certs_len % SEV_GUEST_PAGE != 0)) {
        return EINVAL;
    }
    return 0;
}

/* The firmware: refuses in its answer. */
static int sign(struct driver_double *driver, struct driver_exchange *exchange)
{
    static const uint8_t zeros[sizeof(exchange->request.report.reserved)];
    const struct faults *faults = &driver->faults;
    struct sev_guest_request asked = exchange->request.report;
    struct err err;

    memset(&exchange->response, 0, sizeof(exchange->response));
    exchange->response.status = (uint32_t)faults->status;
    if (asked.vmpl > VMPL_MAX || asked.vmpl < faults->floor ||
        memcmp(asked.reserved, zeros, sizeof(zeros)) != 0) {
        exchange->response.status = SEV_GUEST_STATUS_PARAMETER;
    }
    if (exchange->response.status != 0) {
        return 0;
    }
    exchange->response.report_size =
        faults->report_size != 0 ? (uint32_t)faults->report_size : REPORT_LEN;
    asked.user_data[0] ^= faults->stale != 0;
    asked.vmpl ^= faults->other_vmpl != 0;
    return sim_report(driver->sim, asked.user_data, asked.vmpl, exchange->response.report, &err) ==
                   0
               ? 0
               : ENOMEM;
}

int driver_double_answer(struct driver_double *driver, struct driver_exchange *exchange)
{
    struct faults *faults = &driver->faults;
    int errnum = check_call(driver, exchange);

    driver->num_calls++;
    exchange->certs_len = 0;
    exchange->call.exitinfo2 = faults->garbage != 0 ? GARBAGE : exchange->call.exitinfo2;
    if (errnum != 0) {
        return errnum;
    }
    if (faults->interruptions > 0) {
        faults->interruptions--;
        return EINTR;
    }
    if (faults->errnum != 0) {
        /* Of these nobody knows what became of the message. */
        faults->wiped =
            faults->errnum == EIO || faults->errnum == EBADMSG || faults->errnum == ETIMEDOUT;
        driver->num_requests += (unsigned)faults->wiped;
        exchange->call.exitinfo2 =
            faults->errnum == EIO ? faults->exitinfo2 : exchange->call.exitinfo2;
        return (int)faults->errnum;
    }
    driver->num_requests++;
    if (exchange->number == SEV_GUEST_GET_EXT_REPORT && exchange->request.certs_len != 0 &&
        exchange->request.certs_address != 0 && !take_certs(driver, exchange)) {
        exchange->call.exitinfo2 = SEV_GUEST_TOO_SMALL;
        return EIO;
    }
    return sign(driver, exchange);
}

static void *address(uint64_t number)
{
    return (void *)(uintptr_t)number;
}

int driver_double_ioctl(void *driver, unsigned long number, struct sev_guest_call *call)
{
    struct driver_exchange *exchange = calloc(1, sizeof(*exchange));
    size_t request_len = number == SEV_GUEST_GET_EXT_REPORT ? sizeof(exchange->request)
                                                            : sizeof(exchange->request.report);
    int errnum = ENOMEM;

    if (exchange == NULL) {
        return errnum;
    }
    exchange->number = number;
    exchange->call = *call;
    memcpy(&exchange->request, address(call->req_data), request_len);
    errnum = driver_double_answer(driver, exchange);
    call->exitinfo2 = exchange->call.exitinfo2;
    memcpy(address(call->req_data), &exchange->request, request_len);
    if (errnum == 0) {
        memcpy(address(call->resp_data), &exchange->response, sizeof(exchange->response));
    }
    if (errnum == 0 && exchange->certs_len > 0) {
        memcpy(address(exchange->request.certs_address), exchange->certs, exchange->certs_len);
    }
    free(exchange);
    return errnum;
}

unsigned driver_double_calls(const struct driver_double *driver)
{
    return driver->num_calls;
}

unsigned driver_double_requests(const struct driver_double *driver)
{
    return driver->num_requests;
}
