/*
 * Product: names, processors and TCB layouts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/product.h"

static void processors_belong_to_their_chain(void **state)
{
    static const struct {
        unsigned family;
        unsigned model;
        int product; /* -1: unknown */
    } rows[] = {
        {0x19, 0x00, PRODUCT_MILAN},
        {0x19, 0x0f, PRODUCT_MILAN},
        {0x19, 0x10, PRODUCT_GENOA},
        {0x19, 0x1f, PRODUCT_GENOA},
        {0x19, 0x20, -1},
        {0x19, 0x9f, -1},
        {0x19, 0xa0, PRODUCT_GENOA},
        {0x19, 0xaf, PRODUCT_GENOA},
        {0x19, 0xb0, -1},
        {0x1a, 0x00, PRODUCT_TURIN},
        {0x1a, 0x1f, PRODUCT_TURIN},
        {0x1a, 0x20, -1},
        {0x1a, 0x50, -1},
        {0x17, 0x31, -1},
        {0x00, 0x00, PRODUCT_SIM},
        {0x00, 0x01, -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum product product = PRODUCT_SIM;
        bool found = product_by_cpuid(rows[i].family, rows[i].model, &product);

        assert_int_equal(found ? (int)product : -1, rows[i].product);
    }
}

static void product_names_are_matched_whole(void **state)
{
    static const struct {
        enum product product;
        const char *name;
        bool fits;
    } rows[] = {
        {PRODUCT_MILAN, "Milan", true},      {PRODUCT_MILAN, "Milan-B0", true},
        {PRODUCT_MILAN, "Milan-", false},    {PRODUCT_MILAN, "Milan-B", false},
        {PRODUCT_MILAN, "Milan-B00", false}, {PRODUCT_MILAN, "Milan-b0", false},
        {PRODUCT_MILAN, "Milan-00", false},  {PRODUCT_MILAN, "Milan_B0", false},
        {PRODUCT_MILAN, "Mila", false},      {PRODUCT_MILAN, "", false},
        {PRODUCT_MILAN, "Genoa", false},     {PRODUCT_GENOA, "Genoa-A1", true},
        {PRODUCT_TURIN, "Turin", true},      {PRODUCT_SIM, "Sim", true},
        {PRODUCT_SIM, "Sim-A0", false},      {PRODUCT_MILAN, "Milan-Z9", true},
        {PRODUCT_MILAN, "Milan-@0", false},  {PRODUCT_MILAN, "Milan-[0", false},
        {PRODUCT_MILAN, "Milan-A/", false},  {PRODUCT_MILAN, "Milan-A:", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes name = {(const uint8_t *)rows[i].name, strlen(rows[i].name)};

        if (product_name_fits(rows[i].product, name) != rows[i].fits) {
            fail_msg("%s", rows[i].name);
        }
    }
}

static void a_tcb_is_read_in_the_layout_of_its_product(void **state)
{
    static const uint8_t milan[TCB_LEN] = {4, 0, 0, 0, 0, 0, 0x18, 0xdb};
    static const uint8_t turin[TCB_LEN] = {1, 2, 3, 4, 0, 0, 0, 0x51};
    struct tcb a = tcb_read(0, milan);
    struct tcb b = tcb_read(1, turin);

    assert_int_equal(a.value[TCB_BOOTLOADER], 4);
    assert_int_equal(a.value[TCB_TEE], 0);
    assert_int_equal(a.value[TCB_SNP], 24);
    assert_int_equal(a.value[TCB_MICROCODE], 219);
    assert_false(a.present[TCB_FMC]);
    assert_int_equal(b.value[TCB_FMC], 1);
    assert_int_equal(b.value[TCB_BOOTLOADER], 2);
    assert_int_equal(b.value[TCB_TEE], 3);
    assert_int_equal(b.value[TCB_SNP], 4);
    assert_int_equal(b.value[TCB_MICROCODE], 81);
    assert_true(b.present[TCB_FMC]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_belong_to_their_chain),
        cmocka_unit_test(product_names_are_matched_whole),
        cmocka_unit_test(a_tcb_is_read_in_the_layout_of_its_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
