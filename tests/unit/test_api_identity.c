#include "api/identity.h"
#include "base/jval.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct pair {
    const char *text;
    const char *identity; // NULL: refused
};

static void check_pairs(const struct pair *pairs, size_t n,
                        int (*identity)(const char *, char **, struct error *))
{
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *got = NULL;
        cleanup_error struct error err = {0};
        int result = identity(pairs[i].text, &got, &err);
        if (pairs[i].identity == NULL) {
            if (result == 0)
                fail_msg("%s was taken as %s", pairs[i].text, got);
            assert_int_equal(err.code, ERROR_INVALID);
        } else if (result < 0) {
            fail_msg("%s was refused: %s", pairs[i].text, error_message(&err));
        } else {
            assert_string_equal(got, pairs[i].identity);
        }
    }
}

static void test_identity_git_has_one_spelling(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"https://Git.Example.com/acme/config.git", "git.example.com/acme/config"},
        {"https://git.example.com:443/acme/config/", "git.example.com/acme/config"},
        {"http://git.example.com:80/acme/config.git/", "git.example.com/acme/config"},
        {"https://git.example.com:8443/acme/config", "git.example.com:8443/acme/config"},
        {"ssh://git@git.example.com:22/acme/config.git", "git.example.com/acme/config"},
        {"ssh://git@git.example.com:2222/acme/config.git", "git.example.com:2222/acme/config"},
        {"https://me:secret@git.example.com/acme/config", "git.example.com/acme/config"},
        {"git@git.example.com:acme/config.git", "git.example.com/acme/config"},
        {"git@git.example.com:/acme/config.git", "git.example.com/acme/config"},
        {"git.example.com/acme/config", "git.example.com/acme/config"},
        {"https://git.example.com/Acme/Config", "git.example.com/Acme/Config"},
        {"https://[2001:DB8::1]:443/a/b", "[2001:db8::1]/a/b"},
        {"file:///srv/git/config.git", "/srv/git/config"},
        {"/srv/git/config.git/", "/srv/git/config"},
        {"", NULL},
        {"config", NULL},
        {"https://git.example.com", NULL},
        {"https://git.example.com/", NULL},
        {"https:///acme/config", NULL},
        {"ftp://git.example.com/acme", NULL},
        {"https://git.example.com/a b", NULL},
        {"https://git.example.com/a?ref=main", NULL},
        {"https://git.example.com/a#main", NULL},
        {"file://elsewhere/srv/git", NULL},
        {"https://git.exa\nmple.com/a", NULL},
    };
    check_pairs(pairs, ARRAY_LENGTH(pairs), identity_git);
    assert_true(identity_git_equal("git@h.example:a/b.git", "https://h.example/a/b"));
    assert_false(identity_git_equal("https://h.example/a/b", "https://h.example/a/c"));
    assert_false(identity_git_equal("nothing", "nothing"));
    assert_string_equal(identity_git_ref("refs/heads/main"), "main");
    assert_string_equal(identity_git_ref("refs/tags/v1"), "refs/tags/v1");
}

static void test_identity_oci_has_one_spelling(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"oci://Registry.Example.com/acme/shop", "registry.example.com/acme/shop"},
        {"registry.example.com:5000/acme/shop:prod", "registry.example.com:5000/acme/shop"},
        {"localhost:5000/shop", "localhost:5000/shop"},
        {"localhost/shop", "localhost/shop"},
        {"registry.example.com/shop:v1@sha256:00", "registry.example.com/shop"},
        {"nginx", "index.docker.io/library/nginx"},
        {"nginx:1.2", "index.docker.io/library/nginx"},
        {"acme/shop", "index.docker.io/acme/shop"},
        {"docker.io/nginx", "index.docker.io/library/nginx"},
        {"docker.io/acme/shop", "index.docker.io/acme/shop"},
        {"oci-layout:///no/such/layout/", "oci-layout:/no/such/layout"},
        {"oci-layout:/no/such/layout:prod@sha256:00", "oci-layout:/no/such/layout"},
        {"oci-layout:///proc/self/../no-such", "oci-layout:/proc/no-such"},
        {"oci-layout://relative", NULL},
        {"", NULL},
        {"registry.example.com/", NULL},
        {"registry.example.com/a//b", NULL},
        {"registry.example.com/a b", NULL},
        {"registry.example.com/../b", NULL},
        {"https://registry.example.com/a", NULL},
    };
    check_pairs(pairs, ARRAY_LENGTH(pairs), identity_oci);
}

static void test_identity_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"registry.example.com/acme/*", "registry.example.com/acme/shop", true},
        {"registry.example.com/acme/*", "registry.example.com/acme/shop/web", false},
        {"registry.example.com/acme/**", "registry.example.com/acme/shop/web", true},
        {"registry.example.com/**/web", "registry.example.com/acme/shop/web", true},
        {"oci://registry.example.com/acme/shop", "registry.example.com/acme/shop", true},
        {"docker.io/library/*", "index.docker.io/library/nginx", true},
        {"registry.example.com/acme", "registry.example.com/acme/shop", false},
        {"registry.example.com/acme/sh*p", "registry.example.com/acme/shop", true},
        {"release/*", "release/1.2", true},
        {"release/*", "main", false},
        {"*", "main", true},
        {"*", "a/b", false},
        {"**", "a/b", true},
        {"", "", true},
        {"", "a", false},
        {"**a**a**a**a**a**a**a**a**b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         false},
        {"registry*example.com/a", "registry.example.com/a", true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (identity_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("%s against %s", cases[i].pattern, cases[i].text);
    }
}

static void test_identity_selectors(void **state)
{
    (void)state;
    static const char labels[] = "{\"env\": \"prod\", \"team\": \"shop\"}";
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {"{}", true},
        {"{\"matchLabels\": {\"env\": \"prod\"}}", true},
        {"{\"matchLabels\": {\"env\": \"prod\", \"team\": \"pay\"}}", false},
        {"{\"matchLabels\": {\"env\": 1}}", false},
        {"{\"matchLabels\": [\"env\"]}", false},
        {"{\"matchExpressions\": [{\"key\": \"env\", \"operator\": \"In\", \"values\": "
         "[\"dev\", \"prod\"]}]}",
         true},
        {"{\"matchExpressions\": [{\"key\": \"env\", \"operator\": \"NotIn\", \"values\": "
         "[\"prod\"]}]}",
         false},
        {"{\"matchExpressions\": [{\"key\": \"zone\", \"operator\": \"NotIn\", \"values\": "
         "[\"a\"]}]}",
         true},
        {"{\"matchExpressions\": [{\"key\": \"zone\", \"operator\": \"DoesNotExist\"}]}", true},
        {"{\"matchExpressions\": [{\"key\": \"env\", \"operator\": \"Exists\"}]}", true},
        {"{\"matchExpressions\": [{\"key\": \"env\", \"operator\": \"Near\"}]}", false},
        {"{\"matchExpressions\": {}}", false},
        {"[]", false},
    };
    cleanup_json json_t *map = json_loads(labels, 0, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *selector = json_loads(cases[i].selector, 0, NULL);
        if (selector_matches(selector, map) != cases[i].matches)
            fail_msg("%s", cases[i].selector);
    }
    assert_true(selector_matches(NULL, map));
    assert_true(selector_is_empty(NULL));
    cleanup_json json_t *one = json_loads(cases[1].selector, 0, NULL);
    assert_false(selector_is_empty(one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_git_has_one_spelling),
        cmocka_unit_test(test_identity_oci_has_one_spelling),
        cmocka_unit_test(test_identity_patterns),
        cmocka_unit_test(test_identity_selectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
