#include "base/git_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

static const struct {
    const char *url;
    const char *identity; // NULL: refused
} cases[] = {
    {"https://git.example.com/acme/config.git", "git.example.com/acme/config"},
    {"https://git.example.com/acme/config", "git.example.com/acme/config"},
    {"https://git.example.com/acme/config/", "git.example.com/acme/config"},
    {"https://Git.Example.COM:443/acme/config.git/", "git.example.com/acme/config"},
    {"HTTPS://git.example.com/acme/Config.git", "git.example.com/acme/Config"},
    {"https://user:secret@git.example.com/acme/config.git", "git.example.com/acme/config"},
    {"http://git.example.com:80/acme/config.git", "git.example.com/acme/config"},
    {"http://git.example.com:443/acme/config.git", "git.example.com:443/acme/config"},
    {"https://git.example.com:8443/a/b", "git.example.com:8443/a/b"},
    {"https://git.example.com:/a/b", "git.example.com/a/b"},
    {"ssh://git@git.example.com/acme/config.git", "git.example.com/acme/config"},
    {"ssh://git@git.example.com:22/acme/config.git", "git.example.com/acme/config"},
    {"ssh://git@git.example.com:2222/acme/config.git", "git.example.com:2222/acme/config"},
    {"git+ssh://git@git.example.com/acme/config", "git.example.com/acme/config"},
    {"git+https://git.example.com/acme/config", "git.example.com/acme/config"},
    {"git@git.example.com:acme/config.git", "git.example.com/acme/config"},
    {"git.example.com:acme/config.git", "git.example.com/acme/config"},
    {"git@host:2222/acme", "host/2222/acme"},
    {"git://git.example.com:9418/acme/config", "git.example.com/acme/config"},
    {"https://[2001:DB8::1]:8443/a", "[2001:db8::1]:8443/a"},
    {"https://[2001:db8::1]/a", "[2001:db8::1]/a"},
    {"file:///srv/git/config.git", "/srv/git/config"},
    {"file://localhost/srv/git/config.git", "/srv/git/config"},
    {"/srv/git/config.git", "/srv/git/config"},
    {"git.example.com/acme/config", "git.example.com/acme/config"},
    {"git.example.com:8443/a/b", "git.example.com:8443/a/b"},
    {"localhost:3000/a/b", "localhost:3000/a/b"},
    {"localhost/a/b", "localhost/a/b"},
    {"https://h.example/a.git.git", "h.example/a.git"},
    {"https://h.example/a/.git", "h.example/a/.git"},
    {"", NULL},
    {"https://", NULL},
    {"https://git.example.com", NULL},
    {"https://git.example.com/", NULL},
    {"https:///acme", NULL},
    {"ftp://git.example.com/a", NULL},
    {"file://elsewhere/srv/x", NULL},
    {"https://h.example/a/../b", NULL},
    {"https://h.example/a//b", NULL},
    {"https://h.example/./a", NULL},
    {"https://h.example/a?b", NULL},
    {"https://h.example/a#b", NULL},
    {"https://h.example/a b", NULL},
    {"https://h.example:port/a", NULL},
    {"https://h.example\n/a", NULL},
    {"acme/config", NULL},
    {"config", NULL},
};

static void test_git_identity_drops_what_varies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *identity = NULL;
        cleanup_error struct error err = {0};
        int result = git_identity(cases[i].url, &identity, &err);
        if (cases[i].identity == NULL) {
            if (result == 0)
                fail_msg("%s was accepted as %s", cases[i].url, identity);
            assert_int_equal(err.code, ERROR_INVALID);
            continue;
        }
        if (result < 0)
            fail_msg("%s was refused", cases[i].url);
        assert_string_equal(identity, cases[i].identity);
    }
}

static void test_git_identity_of_an_identity_is_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *identity = cases[i].identity;
        if (identity == NULL || strstr(identity, ".git") != NULL ||
            strncmp(identity, "host/", 5) == 0)
            continue;
        cleanup_free char *again = NULL;
        assert_int_equal(git_identity(identity, &again, NULL), 0);
        assert_string_equal(again, identity);
    }
}

static void test_git_identity_keeps_passwords_out_of_errors(void **state)
{
    (void)state;
    char *identity = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(git_identity("ftp://u:hunter2@h.example/a", &identity, &err), -1);
    assert_null(strstr(err.message, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_identity_drops_what_varies),
        cmocka_unit_test(test_git_identity_of_an_identity_is_itself),
        cmocka_unit_test(test_git_identity_keeps_passwords_out_of_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
