#include "oci/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_oci_reference_identities(void **state)
{
    (void)state;
    static const struct {
        const char *text, *identity, *tag, *digest;
    } cases[] = {
        {"oci://registry.example.com/acme/shop", "registry.example.com/acme/shop", NULL, NULL},
        {"Registry.Example.com:5000/acme/shop:prod", "registry.example.com:5000/acme/shop", "prod",
         NULL},
        {"oci://registry/acme", "registry/acme", NULL, NULL},
        {"docker.io/nginx:1.2", "index.docker.io/library/nginx", "1.2", NULL},
        {"oci://registry-1.docker.io/acme/shop", "index.docker.io/acme/shop", NULL, NULL},
        {"localhost/x@sha256:" HEX64, "localhost/x", NULL, "sha256:" HEX64},
        {"127.0.0.1:5000/a__b/c--d.e:t@sha256:" HEX64, "127.0.0.1:5000/a__b/c--d.e", "t",
         "sha256:" HEX64},
        {"oci://[::1]:5000/a", "[::1]:5000/a", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_reference struct oci_reference reference = {0};
        cleanup_error struct error err = {0};
        if (oci_reference_parse(cases[i].text, &reference, &err) < 0)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
        cleanup_free char *identity = oci_reference_identity(&reference);
        assert_string_equal(identity, cases[i].identity);
        assert_string_equal(reference.tag ? reference.tag : "", cases[i].tag ? cases[i].tag : "");
        assert_string_equal(reference.digest ? reference.digest : "",
                            cases[i].digest ? cases[i].digest : "");
        // What is written reads back as the same.
        cleanup_free char *again = oci_reference_format(&reference);
        cleanup_oci_reference struct oci_reference second = {0};
        assert_int_equal(oci_reference_parse(again, &second, &err), 0);
        cleanup_free char *same = oci_reference_format(&second);
        assert_string_equal(again, same);
    }
}

static void test_oci_reference_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "shop",
        "acme/shop",
        "https://registry.example.com/acme/shop",
        "oci://user:secret@registry.example.com/acme/shop",
        "oci://registry.example.com/",
        "oci://registry.example.com/Acme/shop",
        "oci://registry.example.com/acme//shop",
        "oci://registry.example.com/acme/../shop",
        "oci://registry.example.com/acme/shop:",
        "oci://registry.example.com/acme/shop:.x",
        "oci://registry.example.com/acme/shop@sha256:12",
        ("oci://registry.example.com/acme/shop@sha512:" HEX64),
        "oci://registry.example.com/acme/shop?x=y",
        "oci://registry.example.com:0/acme",
        "oci://registry.example.com:70000/acme",
        "oci://registry.example.com:/acme",
        "oci://-x/acme",
        "oci://registry.example.com/acme shop",
        "oci://registry.example.com/a___b",
        "oci-layout://relative/path",
        "oci-layout:///",
        "oci-layout:///a/../b",
        "oci-layout:///a:b c",
        "oci-layout:///a:b/",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_reference struct oci_reference reference = {0};
        cleanup_error struct error err = {0};
        if (oci_reference_parse(cases[i], &reference, &err) == 0)
            fail_msg("accepted %s", cases[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_null(strstr(err.message, "secret"));
    }
}

static void test_oci_reference_layout_identity_is_the_real_path(void **state)
{
    (void)state;
    cleanup_free char *dir = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(file_make_temp_dir("reference", &dir, &err), 0);
    cleanup_free char *real = realpath(dir, NULL);
    cleanup_free char *link = path_join(dir, "link");
    assert_int_equal(symlink(dir, link), 0);
    cleanup_free char *text = xasprintf("oci-layout://%s//link/to/shop/:prod", dir);
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, &err), 0);
    assert_string_equal(reference.tag, "prod");
    cleanup_free char *identity = oci_reference_identity(&reference);
    cleanup_free char *expected = xasprintf("oci-layout:%s/to/shop", real);
    assert_string_equal(identity, expected);
    // What messages print can be given to a command again.
    cleanup_free char *printed = xasprintf("%s:prod", identity);
    cleanup_oci_reference struct oci_reference again = {0};
    assert_int_equal(oci_reference_parse(printed, &again, &err), 0);
    assert_string_equal(again.layout_path, identity + strlen("oci-layout:"));
    assert_string_equal(again.tag, "prod");
    assert_int_equal(file_remove_tree(dir, &err), 0);
}

static void test_oci_reference_tags(void **state)
{
    (void)state;
    assert_true(oci_tag_is_valid("v1.2_3-x"));
    assert_true(oci_tag_is_valid("_x"));
    assert_false(oci_tag_is_valid(""));
    assert_false(oci_tag_is_valid("-x"));
    assert_false(oci_tag_is_valid("a/b"));
    assert_true(oci_tag_is_derived("sha256-" HEX64));
    assert_true(oci_tag_is_derived("sha256-" HEX64 ".sig"));
    assert_false(oci_tag_is_derived("sha256-" HEX64 ".x"));
    assert_false(oci_tag_is_derived("v1"));
    cleanup_free char *tag = oci_derived_tag("sha256:" HEX64, ".sig");
    assert_string_equal(tag, "sha256-" HEX64 ".sig");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_reference_identities),
        cmocka_unit_test(test_oci_reference_refuses),
        cmocka_unit_test(test_oci_reference_layout_identity_is_the_real_path),
        cmocka_unit_test(test_oci_reference_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
