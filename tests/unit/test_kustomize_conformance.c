// Every case of kustomize's own tests (SEALIFT_CONFORMANCE/kustomize, or beside the project): what
// must render renders to the same documents in the same order, what must be refused is refused.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/kustomize.h"

enum { MAX_BYTES = 16 << 20 };

// Cases that are known not to come out right, each with its reason in docs/kustomize.md.
static const char *const known[] = {
    "TestNamespaceNotAddedToValidatingAdmissionPolicies",
    NULL,
};

struct score {
    size_t passed;
    size_t failed;
    size_t expected_failures;
};

static bool is_known(const char *name)
{
    for (size_t i = 0; known[i] != NULL; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static char *read_text(const char *dir, const char *name)
{
    cleanup_free char *path = path_join(dir, name);
    char *text = NULL;
    size_t size = 0;
    return file_read(path, MAX_BYTES, &text, &size, NULL) == 0 ? text : NULL;
}

static int build(const char *dir, const struct value *meta, struct vec *objects, struct error *err)
{
    cleanup_free char *input = path_join(dir, "input");
    cleanup_free char *path = read_text(dir, "run-path.txt");
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_tree struct tree *tree = NULL;
    struct kustomize_options options = {
        .order = strcmp(value_text_or(meta, "order", ""), "legacy") == 0 ? KUSTOMIZE_ORDER_LEGACY
                                                                         : KUSTOMIZE_ORDER_FIFO,
        .unrestricted = strcmp(value_text_or(meta, "load_restrictor", ""), "none") == 0,
    };
    if (tree_open_dir(input, &tree, err) < 0)
        return -1;
    path[strcspn(path, "\n")] = '\0';
    const char *relative = path + strspn(path, "/");
    return kustomize_build(tree, relative, &options, objects, &warnings, err);
}

// The two texts hold the same values in the same order.
static bool same_documents(const char *expected, const char *got)
{
    cleanup_vec struct vec left = YAMLVALUE_DOCUMENTS;
    cleanup_vec struct vec right = YAMLVALUE_DOCUMENTS;
    if (yamlvalue_parse_all(expected, strlen(expected), "expected", NULL, &left, NULL) < 0 ||
        yamlvalue_parse_all(got, strlen(got), "got", NULL, &right, NULL) < 0 ||
        left.len != right.len)
        return false;
    for (size_t i = 0; i < left.len; i++) {
        const struct yamlvalue_document *a = vec_at(&left, i);
        const struct yamlvalue_document *b = vec_at(&right, i);
        if (!value_equal(a->value, b->value))
            return false;
    }
    return true;
}

static bool run_case(const char *dir, const char *name)
{
    cleanup_free char *meta_text = read_text(dir, "meta.json");
    cleanup_free char *expected = read_text(dir, "expected.yaml");
    cleanup_json json_t *json = NULL;
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_error struct error err = {0};
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_BYTES);
    assert_int_equal(jval_parse(meta_text, strlen(meta_text), "meta.json", &json, NULL), 0);
    cleanup_value struct value *meta = value_from_json(json);
    int done = build(dir, meta, &objects, &err);
    if (expected == NULL) {
        if (getenv("KUSTOMIZE_SHOW_ERRORS") != NULL) {
            cleanup_free char *theirs = read_text(dir, "expected-error.txt");
            print_message("%s\n   ours: %s\n   theirs: %.300s\n", name, error_message(&err),
                          theirs);
        }
        return done < 0;
    }
    if (done < 0) {
        print_message("%s: %s\n", name, error_message(&err));
        return false;
    }
    assert_int_equal(kustomize_print(&objects, &out, NULL), 0);
    if (strcmp(expected, out.data) == 0 || same_documents(expected, out.data))
        return true;
    const char *only = getenv("KUSTOMIZE_CASE");
    print_message("%s: the output differs\n", name);
    if (only != NULL && strcmp(only, name) == 0)
        print_message("---- got\n%s---- expected\n%s", out.data, expected);
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_cases(const char *root, struct vec *names)
{
    DIR *dir = opendir(root);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir))
        if (entry->d_name[0] != '.')
            vec_push_string(names, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    vec_sort(names, compare_names);
}

static void test_every_case(void **state)
{
    (void)state;
    const char *conformance = getenv("SEALIFT_CONFORMANCE");
    cleanup_free char *root =
        path_join(conformance != NULL ? conformance : TEST_CONFORMANCE, "kustomize");
    const char *only = getenv("KUSTOMIZE_CASE");
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    struct score score = {0};
    list_cases(root, &names);
    if (names.len == 0) {
        print_message("%s: no cases there\n", root);
        free(root); // skip() leaves by longjmp
        skip();
    }
    vec_foreach (char *, name, &names) {
        cleanup_free char *dir = path_join(root, *name);
        if (only != NULL && strcmp(only, *name) != 0)
            continue;
        bool passed = run_case(dir, *name);
        if (!passed)
            print_message("%s fails%s\n", *name, is_known(*name) ? ", as known" : "");
        if (passed && is_known(*name))
            print_message("%s passes: take it off the list\n", *name);
        if (!passed && is_known(*name))
            score.expected_failures++;
        else if (passed && !is_known(*name))
            score.passed++;
        else
            score.failed++;
    }
    print_message("%zu cases pass, %zu fail, %zu fail as known\n", score.passed, score.failed,
                  score.expected_failures);
    assert_int_equal(score.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
