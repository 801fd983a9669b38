#include "oci/sign/cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <string.h>

// Hex of one item; what is wrong with it, NULL for nothing.
static const struct {
    const char *hex;
    const char *wrong;
} items[] = {
    {"00", NULL},
    {"17", NULL},
    {"1818", NULL},
    {"190100", NULL},
    {"1a00010000", NULL},
    {"1b0000000100000000", NULL},
    {"1bffffffffffffffff", NULL},
    {"20", NULL},
    {"38ff", NULL},
    {"40", NULL},
    {"4401020304", NULL},
    {"60", NULL},
    {"6161", NULL},
    {"62c3bc", NULL},
    {"63e6b0b4", NULL},
    {"64f0908591", NULL},
    {"63ed9fbf", NULL},
    {"64f48fbfbf", NULL},
    {"63e0a080", NULL},
    {"80", NULL},
    {"83010203", NULL},
    {"8301820203820405", NULL},
    {"a0", NULL},
    {"a201020304", NULL},
    {"a2016161206162", NULL},
    {"a26161016162a1616103", NULL},
    {"c11a514b67b0", NULL},
    {"f4", NULL},
    {"f5", NULL},
    {"f6", NULL},

    {"", "too early"},
    {"18", "too early"},
    {"1901", "too early"},
    {"1a000100", "too early"},
    {"1b00000001000000", "too early"},
    {"41", "too early"},
    {"5affffffff00", "too early"},
    {"6261", "too early"},
    {"81", "too early"},
    {"a1", "too early"},
    {"a101", "too early"},
    {"c1", "too early"},
    {"8201", "too early"},
    {"1817", "longer than needed"},
    {"190017", "longer than needed"},
    {"1900ff", "longer than needed"},
    {"1a0000ffff", "longer than needed"},
    {"1b00000000ffffffff", "longer than needed"},
    {"580100", "longer than needed"},
    {"1c", "indefinite"},
    {"1f", "indefinite"},
    {"5f4100ff", "indefinite"},
    {"7f6161ff", "indefinite"},
    {"9f01ff", "indefinite"},
    {"bf0102ff", "indefinite"},
    {"df00", "indefinite"},
    {"f7", "float or an unknown simple"},
    {"f3", "float or an unknown simple"},
    {"f8ff", "float or an unknown simple"},
    {"f93c00", "float or an unknown simple"},
    {"fb3ff0000000000000", "float or an unknown simple"},
    {"ff", "float or an unknown simple"},
    {"6180", "no UTF-8"},
    {"61c3", "no UTF-8"},
    {"62c328", "no UTF-8"},
    {"62c080", "no UTF-8"},
    {"63e08080", "no UTF-8"},
    {"63eda080", "no UTF-8"},
    {"64f0808080", "no UTF-8"},
    {"64f4908080", "no UTF-8"},
    {"64f5808080", "no UTF-8"},
    {"63e6b028", "no UTF-8"},
    {"990101", "more than 256"},
    {"b90101", "more than 256"},
    {"bbffffffffffffffff", "more than 256"},
    {"a201020103", "twice"},
    {"a220012002", "twice"},
    {"a2616101616102", "twice"},
    {"81a2600060", "twice"},
    {"a14001", "neither number nor text"},
    {"a18001", "neither number nor text"},
    {"a1f401", "neither number nor text"},
    {"0000", "something behind"},
    {"81818181818181818181818181818181", "nested deeper"},
    {"a100a100a100a100a100a100a100a100a100a100a100a100a100a100a100a100", "nested deeper"},
    {"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1", "nested deeper"},
};

static void test_cbor_takes_one_form_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(items); i++) {
        unsigned char bytes[256];
        size_t size = strlen(items[i].hex) / 2;
        cleanup_error struct error err = {0};
        assert_int_equal(hex_decode(items[i].hex, bytes, size), 0);
        struct cbor_span span = {bytes, size};
        int result = cbor_skip(&span, &err);
        if (result == 0)
            result = cbor_end(&span, &err);
        if (items[i].wrong == NULL && result == 0)
            continue;
        if (items[i].wrong == NULL || result == 0 ||
            strstr(error_message(&err), items[i].wrong) == NULL)
            fail_msg("%s: %s", items[i].hex, result == 0 ? "taken" : error_message(&err));
    }
}

static void test_cbor_hands_out_pairs(void **state)
{
    (void)state;
    static const unsigned char map[] = {0xA2, 0x01, 0x82, 0x02, 0x03, 0x61, 'a', 0x41, 0x09, 0x07};
    cleanup_vec struct vec pairs = VEC_OF(struct cbor_pair, NULL);
    struct cbor_span span = {map, sizeof map};
    struct cbor_item item;
    assert_int_equal(cbor_map(&span, &pairs, NULL), 0);
    assert_int_equal(span.left, 1);
    assert_int_equal(pairs.len, 2);
    struct cbor_pair *first = vec_at(&pairs, 0);
    struct cbor_pair *second = vec_at(&pairs, 1);
    assert_int_equal(first->key.kind, CBOR_NUMBER);
    assert_int_equal(first->value.left, 3);
    assert_int_equal(second->key.kind, CBOR_TEXT);
    assert_int_equal(cbor_next(&second->value, &item, NULL), 0);
    assert_int_equal(item.kind, CBOR_BYTES);
    assert_int_equal(item.data[0], 9);
}

static void test_cbor_wants_a_map(void **state)
{
    (void)state;
    cleanup_vec struct vec pairs = VEC_OF(struct cbor_pair, NULL);
    struct cbor_span list = {(const unsigned char *)"\x80", 1};
    struct cbor_span nothing = {(const unsigned char *)"", 0};
    assert_int_equal(cbor_map(&list, &pairs, NULL), -1);
    assert_int_equal(cbor_map(&nothing, &pairs, NULL), -1);
}

// An array of 256 elements each of 256, and so on, must not take for ever.
static void test_cbor_is_bounded_by_its_bytes(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 16);
    for (int i = 0; i < 15; i++)
        strbuf_add(&out, "\x99\x01\x00", 3);
    struct cbor_span span = {(const unsigned char *)out.data, out.len};
    assert_int_equal(cbor_skip(&span, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cbor_takes_one_form_only),
        cmocka_unit_test(test_cbor_hands_out_pairs),
        cmocka_unit_test(test_cbor_wants_a_map),
        cmocka_unit_test(test_cbor_is_bounded_by_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
