/*
 * Kds: the addresses in the form that the key service's interface gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/kds.h"

static void the_address_names_chip_and_reported_tcb(void **state)
{
    static const struct {
        enum product product;
        const char *tcb;
        const char *url;
    } rows[] = {
        {PRODUCT_MILAN, "\x04\x00\x00\x00\x00\x00\x18\xdb",
         "https://kdsintf.amd.com/vcek/v1/Milan/"
         "ab0102030405060708000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000"
         "?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219"},
        {PRODUCT_TURIN, "\x01\x02\x03\x04\x00\x00\x00\x51",
         "https://kdsintf.amd.com/vcek/v1/Turin/ab01020304050607"
         "?fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=81"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[REPORT_LEN] = {0};
        char storage[KDS_URL_MAX];
        struct buf out = buf_over(storage, sizeof(storage));
        const struct report report = {bytes};

        memcpy(bytes + report_field_info(REPORT_CHIP_ID)->offset,
               "\xab\x01\x02\x03\x04\x05\x06\x07\x08", 9);
        memcpy(bytes + report_field_info(REPORT_REPORTED_TCB)->offset, rows[i].tcb, 8);
        assert_true(kds_vcek_url(report, rows[i].product, &out));
        assert_int_equal(out.len, strlen(rows[i].url));
        assert_memory_equal(out.data, rows[i].url, out.len);
        out = buf_over(storage, out.len - 1);
        assert_false(kds_vcek_url(report, rows[i].product, &out));
        assert_int_equal(out.len, 0);
    }
}

static void there_is_no_address_for_masked_chips_and_the_simulator(void **state)
{
    uint8_t bytes[REPORT_LEN] = {0};
    char storage[KDS_URL_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    const struct report report = {bytes};

    assert_false(kds_vcek_url(report, PRODUCT_MILAN, &out));
    bytes[report_field_info(REPORT_CHIP_ID)->offset] = 1;
    assert_false(kds_vcek_url(report, PRODUCT_SIM, &out));
    assert_false(kds_chain_url(PRODUCT_SIM, &out));
    assert_true(kds_common_path(PRODUCT_SIM, true, "crl", &out));
    assert_int_equal(out.len, strlen("/vlek/v1/Sim/crl"));
    assert_memory_equal(out.data, "/vlek/v1/Sim/crl", out.len);
    out.len = 0;
    assert_true(kds_chain_url(PRODUCT_GENOA, &out));
    assert_int_equal(out.len, strlen("https://kdsintf.amd.com/vcek/v1/Genoa/cert_chain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_names_chip_and_reported_tcb),
        cmocka_unit_test(there_is_no_address_for_masked_chips_and_the_simulator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
