// How URLs of remote bases are taken apart: what kustomize's own tests expect of its parser
// (api/internal/git/repospec_test.go lists the forms).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "render/kustomize/remote_spec.h"

static void test_remote_spec_reads_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *url;
        const char *path;
        const char *ref;
    } cases[] = {
        {"github.com/org/repo", "https://github.com/org/repo", "", ""},
        {"gitHub.com/org/repo/a/b?ref=v1", "https://github.com/org/repo", "a/b", "v1"},
        {"github.com:org/repo/a", "https://github.com/org/repo", "a", ""},
        {"http://github.com/org/repo.git/a", "https://github.com/org/repo.git", "a", ""},
        {"hTTps://github.com/org/repo//a//b", "https://github.com/org/repo", "a//b", ""},
        {"git::https://git.example.com/org/repo/a", "https://git.example.com/org/repo", "a", ""},
        {"GIT::git@github.com/org/repo", "git@github.com:org/repo", "", ""},
        {"org-1@github.com:org/repo?ref=b/c", "org-1@github.com:org/repo", "", "b/c"},
        {"ssh://git@github.com/org/repo//a?ref=v1", "git@github.com:org/repo", "a", "v1"},
        {"ssh://github.com/org/repo", "github.com:org/repo", "", ""},
        {"ssh://git.example.com:7999/org/repo/a", "ssh://git.example.com:7999/org/repo", "a", ""},
        {"ssh://ada@example.com/a/b/repo//c/d", "ssh://ada@example.com/a/b/repo", "c/d", ""},
        {"git@git.example.com:a/b/c.git?ref=v0.1.0", "git@git.example.com:a/b/c.git", "", "v0.1.0"},
        {"git@git.example.com/a/b.git//c", "git@git.example.com/a/b.git", "c", ""},
        {"https://example.com/p/_git/repo/dir?version=v1", "https://example.com/p/_git/repo", "dir",
         "v1"},
        {"https://u@example.com/p/_git/repo", "https://u@example.com/p/_git/repo", "", ""},
        {"https://u:p@example.com/a/b/c", "https://u:p@example.com/a/b", "c", ""},
        {"https://example.com/a/b/repo.git", "https://example.com/a/b/repo.git", "", ""},
        {"https://example.com/org/repo/?ref=has_git/in_it", "https://example.com/org/repo", "",
         "has_git/in_it"},
        {"https://example.com/org/repo?version=a&ref=b", "https://example.com/org/repo", "", "b"},
        {"https://example.com/org/repo?version=a&ref=", "https://example.com/org/repo", "", "a"},
        {"https://example.com/org/repo?ref=a%2Fb+c", "https://example.com/org/repo", "", "a/b c"},
        {"https://example.com/org/repo?ref=a;b", "https://example.com/org/repo", "", ""},
        {"https://example.com/org/repo?ref=a&x=%zz", "https://example.com/org/repo", "", ""},
        {"file:///srv/repo", "file:///srv/repo", "", ""},
        {"FILE:///srv/repo.git/a?ref=b", "file:///srv/repo.git", "a", "b"},
        {"file://a/b/c//d", "file://a/b/c", "d", ""},
        {"file:///", "file:///", "", ""},
        {"https://github.com/kubernetes-sigs/kustomize//examples/multibases/dev/?ref=v1.0.6",
         "https://github.com/kubernetes-sigs/kustomize", "examples/multibases/dev/", "v1.0.6"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_remote_spec struct remote_spec spec = {0};
        cleanup_error struct error err = {0};
        if (remote_spec_parse(cases[i].text, &spec, &err) < 0)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
        assert_string_equal(spec.url, cases[i].url);
        assert_string_equal(spec.path, cases[i].path);
        assert_string_equal(spec.ref, cases[i].ref);
    }
}

static void test_remote_spec_leaves_paths_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ".",
        "../base",
        "/srv/repo",
        "base/web.yaml",
        "src/github.com/org/repo/path",
        "github.com!org/repo.git//path",
        "gh:org/repo",
        "htxxxtp://github.com/",
        "git::___",
        "ssh://git.example.com",
        "https://host?ref=a/b",
        "https://github.com/only.yaml",
        "https://github.com/org/repo.git//a/../../b",
        "file:////tmp//a",
        "@github.com/a/b",
        "git@scp://github.com/org/repo.git//path",
        "https://example.com/x.yaml",
        "https://",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cleanup_remote_spec struct remote_spec spec = {0};
        cleanup_error struct error err = {0};
        if (remote_spec_parse(texts[i], &spec, &err) == 0)
            fail_msg("%s: taken for the repository %s", texts[i], spec.url);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void test_remote_spec_reads_options(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int64_t timeout_ms;
        bool submodules;
    } cases[] = {
        {"", 0, true},
        {"timeout=61", 61000, true},
        {"timeout=1m1s&submodules=false", 61000, false},
        {"timeout=-1&submodules=no", 0, true},
        {"submodules=0&submodules=1", 0, false},
        {"timeout=0", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = xasprintf("https://example.com/a/b?%s", cases[i].query);
        cleanup_remote_spec struct remote_spec spec = {0};
        assert_int_equal(remote_spec_parse(text, &spec, NULL), 0);
        assert_int_equal(spec.timeout_ms, cases[i].timeout_ms);
        assert_int_equal(spec.submodules, cases[i].submodules);
    }
}

static void test_remote_spec_is_bounded(void **state)
{
    (void)state;
    cleanup_free char *text = xcalloc(1, 5001);
    memset(text, 'a', 5000);
    memcpy(text, "https://", 8);
    cleanup_remote_spec struct remote_spec spec = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(remote_spec_parse(text, &spec, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_remote_name_holds_no_credentials(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {
        {"https://ada:secret@example.com/a/b?ref=x", "https://example.com/a/b?ref=x"},
        {"https://ada:se@cret@example.com/a", "https://example.com/a"},
        {"https://example.com/a@b", "https://example.com/a@b"},
        {"git@example.com:a/b", "git@example.com:a/b"},
        {"https://a\nb/c", "https://a b/c"},
        {"base", "base"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *name = remote_name(cases[i].text);
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remote_spec_reads_every_form),
        cmocka_unit_test(test_remote_spec_leaves_paths_alone),
        cmocka_unit_test(test_remote_spec_reads_options),
        cmocka_unit_test(test_remote_spec_is_bounded),
        cmocka_unit_test(test_remote_name_holds_no_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
