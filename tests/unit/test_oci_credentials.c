#include "oci/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "oci/challenge.h"
#include "oci/link.h"

#include <stdlib.h>
#include <string.h>

static const char config[] =
    "{\"auths\":{"
    "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOmh1YnBhc3M=\"},"
    "\"registry.example.com\":{\"username\":\"u\",\"password\":\"p:w\"},"
    "\"https://Registry.example.com/acme/\":{\"auth\":\"YWNtZTpzZWNyZXQ=\"},"
    "\"token.example.com:5000\":{\"identitytoken\":\"it\",\"registrytoken\":\"rt\"},"
    "\"bad.example.com\":{\"auth\":\"%%%\"},"
    "\"nocolon.example.com\":{\"auth\":\"c2VjcmV0\"},"
    "\"newline.example.com\":{\"username\":\"u\",\"password\":\"secret\\n\"},"
    "\"kept.example.com\":{}},"
    "\"credHelpers\":{\"helped.example.com\":\"pass\"},\"credsStore\":\"desktop\"}";

static void test_oci_credentials_finds_the_closest_key(void **state)
{
    (void)state;
    static const struct {
        const char *host, *repository, *username, *password;
    } cases[] = {
        {"index.docker.io", "library/nginx", "hub", "hubpass"},
        {"registry.example.com", "other/shop", "u", "p:w"},
        {"registry.example.com", "acme/shop", "acme", "secret"},
        {"registry.example.com", "acmes/shop", "u", "p:w"},
        {"registry.example.com:5000", "acme/shop", NULL, NULL},
        {"elsewhere.example.com", "acme/shop", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_credentials struct oci_credentials found = {0};
        cleanup_error struct error err = {0};
        if (oci_credentials_find(config, cases[i].host, cases[i].repository, NULL, &found, &err) <
            0)
            fail_msg("case %zu: %s", i, error_message(&err));
        if (cases[i].username == NULL) {
            assert_null(found.username);
            continue;
        }
        assert_string_equal(found.username, cases[i].username);
        assert_string_equal(found.password, cases[i].password);
    }
    cleanup_oci_credentials struct oci_credentials tokens = {0};
    assert_int_equal(
        oci_credentials_find(config, "token.example.com:5000", "x", NULL, &tokens, NULL), 0);
    assert_string_equal(tokens.identity_token, "it");
    assert_string_equal(tokens.registry_token, "rt");
}

static void test_oci_credentials_refuses_without_telling_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        enum error_code code;
    } cases[] = {{"bad.example.com", ERROR_INVALID},
                 {"nocolon.example.com", ERROR_INVALID},
                 {"newline.example.com", ERROR_INVALID},
                 {"kept.example.com", ERROR_DENIED},
                 {"helped.example.com", ERROR_DENIED}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_credentials struct oci_credentials found = {0};
        cleanup_error struct error err = {0};
        if (oci_credentials_find(config, cases[i].host, "x", NULL, &found, &err) == 0)
            fail_msg("%s was accepted", cases[i].host);
        assert_int_equal(err.code, cases[i].code);
        assert_null(strstr(err.message, "secret"));
        assert_null(strstr(err.message, "c2Vj"));
        assert_non_null(strstr(err.message, cases[i].host));
    }
    cleanup_oci_credentials struct oci_credentials none = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_credentials_find("{\"auths\":secret}", "x", "y", NULL, &none, &err), -1);
    assert_null(strstr(err.message, "secret"));
    assert_int_equal(oci_credentials_find("{}", "x", "y", NULL, &none, &err), 0);
}

static void test_oci_challenge_reads(void **state)
{
    (void)state;
    cleanup_vec struct vec list = OCI_CHALLENGES;
    cleanup_error struct error err = {0};
    // As Gitea answers, in one header, with blanks where RFC 9110 allows them.
    assert_int_equal(oci_challenges_parse(
                         "BEARER realm=\"https://a/b?c=d,e\" , service = \"s\\\"x\",scope=\"*\", "
                         "Basic Realm=\"r\",, Negotiate YII==, Digest",
                         &list, &err),
                     0);
    assert_int_equal(list.len, 4);
    const struct oci_challenge *bearer = oci_challenge_find(&list, "bearer");
    assert_string_equal(oci_challenge_param(bearer, "realm"), "https://a/b?c=d,e");
    assert_string_equal(oci_challenge_param(bearer, "service"), "s\"x");
    assert_string_equal(oci_challenge_param(bearer, "scope"), "*");
    assert_string_equal(oci_challenge_param(oci_challenge_find(&list, "basic"), "realm"), "r");
    assert_null(oci_challenge_find(&list, "ntlm"));
    assert_int_equal(oci_challenges_parse("Bearer realm=https://x/y,service=z", &list, &err), 0);
    assert_int_equal(list.len, 5);
    assert_string_equal(oci_challenge_param(vec_at(&list, 4), "realm"), "https://x/y");
}

static void test_oci_challenge_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "realm=\"x\"", "Bearer realm=\"x", "Bearer realm=\"\\", "Bearer realm=\"a\",realm=b",
        "\"x\"",       "Bearer \x01",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec list = OCI_CHALLENGES;
        cleanup_error struct error err = {0};
        if (oci_challenges_parse(cases[i], &list, &err) == 0)
            fail_msg("accepted %s", cases[i]);
    }
}

static void test_oci_link_next(void **state)
{
    (void)state;
    static const struct {
        const char *value, *next;
    } cases[] = {
        {"</v2/x/tags/list?n=1&last=a>; rel=\"next\"", "/v2/x/tags/list?n=1&last=a"},
        {"<a>; rel=prev, <b>; title=\"x, rel=next\"; rel=\"next\"", "b"},
        {"<a>; rel=prev", NULL},
        {"<a; rel=next", NULL},
        {"<a>; title=\"q, <c>\"; rel=\"prev next\", <d>; REL = NEXT", "d"},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *next = oci_link_next(cases[i].value);
        if ((next == NULL) != (cases[i].next == NULL) ||
            (next != NULL && strcmp(next, cases[i].next) != 0))
            fail_msg("%s gives %s", cases[i].value, next != NULL ? next : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_credentials_finds_the_closest_key),
        cmocka_unit_test(test_oci_credentials_refuses_without_telling_secrets),
        cmocka_unit_test(test_oci_challenge_reads),
        cmocka_unit_test(test_oci_challenge_refuses),
        cmocka_unit_test(test_oci_link_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
