// Variables in text, and in rendered objects.
#include "render/envsubst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "render/render.h"
#include "render/substitute.h"
#include "value_fixture.h"

#define UNSET(name)                                                               \
    "the variable " name                                                          \
    " is not set; give it a value in substitute.vars (or with --substitute " name \
    "=…), or write ${" name ":=default}"

static int expand(const char *text, bool strict, struct strbuf *out, char **ret_name,
                  struct error *err)
{
    cleanup_value struct value *values =
        value_from_text("{\"v\": \"abcdEFGH28ij\", \"empty\": \"\", \"path\": \"a/b/c.tar.gz\", "
                        "\"w\": \"one\", \"stars\": \"aXbXc\"}");
    strbuf_init(out, 10000);
    return envsubst_expand(text, strlen(text), values, strict, out, ret_name, err);
}

static void test_envsubst_expands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expanded;
    } cases[] = {
        {"abc", "abc"},
        {"${v}", "abcdEFGH28ij"},
        {"-${w}${w}-", "-oneone-"},
        {"$v ${w} $ {w} $", "$v one $ {w} $"},
        {"$${w} $$w $$$${w}", "${w} $w $${w}"},
        {"${#v}", "12"},
        {"${v^}", "AbcdEFGH28ij"},
        {"${v^^}", "ABCDEFGH28IJ"},
        {"${v,,}", "abcdefgh28ij"},
        {"${v:4}", "EFGH28ij"},
        {"${v:4:2}", "EF"},
        {"${v: -2}", "abcdEFGH28ij"},
        {"${v:0:-2}", "abcdEFGH28"},
        {"${v:99}", ""},
        {"${v:x}", "abcdEFGH28ij"},
        {"${none:-d}", "d"},
        {"${none:=d e}", "d e"},
        {"${none=d}", "d"},
        {"${empty:-d}", "d"},
        {"${w:-d}", "one"},
        {"${none:-}", ""},
        {"${none:-${w}}", "one"},
        {"${none:-a-${none:-b}-${w}}", "a-b-one"},
        {"${none:-http://x:80/?a=b}", "http://x:80/?a=b"},
        {"${path#*/}", "b/c.tar.gz"},
        {"${path##*/}", "c.tar.gz"},
        {"${path%.*}", "a/b/c.tar"},
        {"${path%%.*}", "a/b/c"},
        {"${path%.zip}", "a/b/c.tar.gz"},
        {"${v#[a-c]}", "bcdEFGH28ij"},
        {"${v#[^a-c]}", "abcdEFGH28ij"},
        {"${v%?j}", "abcdEFGH28"},
        {"${stars/X/-}", "a-bXc"},
        {"${stars//X/-}", "a-b-c"},
        {"${stars//X/}", "abc"},
        {"${stars/#a/-}", "-XbXc"},
        {"${stars/%c/-}", "aXbX-"},
        {"${stars/#b/-}", "aXbXc"},
        {"${path//\\//_}", "a_b_c.tar.gz"},
        {"${w/one/${v}}", "abcdEFGH28ij"},
        {"${w:?must be there}", "one"},
        {"${w:-${none:?unused}}", "one"},
        {"${w/${empty}/a}", "aone"},
        {"${w:+d}", "one"},
        {"${empty:+d}", "d"},
        {"${v: 1}", "abcdEFGH28ij"},
        {"${v:+1}", "abcdEFGH28ij"},
        {"${w//${empty}/-}", "-o-n-e-"},
        {"${v%[hij]}", "abcdEFGH28i"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf out;
        cleanup_error struct error err = {0};
        if (expand(cases[i].text, true, &out, NULL, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_string_equal(out.data, cases[i].expanded);
    }
}

static void test_envsubst_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name; // of the variable at fault
        const char *sentence;
    } cases[] = {
        {"a ${none}", "none", UNSET("none")},
        {"${#none}", "none", UNSET("none")},
        {"${none^^}", "none", UNSET("none")},
        {"${a:-${none}}", "none", UNSET("none")},
        {"${none:?set it}", "none", "the variable none is not set: set it"},
        {"${empty:?}", "empty", UNSET("empty")},
        {"${v", NULL, NULL},
        {"${}", NULL, NULL},
        {"${ v}", NULL, NULL},
        {"${v-d}", NULL, NULL},
        {"${v#}", NULL, NULL},
        {"${v/a}", NULL, NULL},
        {"${v:-d", NULL, NULL},
        {"${v:1:2:3", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf out;
        cleanup_error struct error err = {0};
        cleanup_free char *name = NULL;
        if (expand(cases[i].text, true, &out, &name, &err) == 0)
            fail_msg("%s became %s", cases[i].text, out.data);
        assert_int_equal(err.code, ERROR_INVALID);
        if (cases[i].sentence != NULL)
            assert_string_equal(err.message, cases[i].sentence);
        if (cases[i].name != NULL)
            assert_string_equal(name, cases[i].name);
    }
}

static void test_envsubst_unset_is_empty_where_not_strict(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out;
    assert_int_equal(expand("a${none}b${#none}c${none^}", false, &out, NULL, NULL), 0);
    assert_string_equal(out.data, "ab0c");
}

static void test_envsubst_is_bounded(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf deep;
    strbuf_init(&deep, 10000);
    for (int i = 0; i < 100; i++)
        strbuf_addstr(&deep, "${n:-");
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    assert_int_equal(expand(deep.data, true, &out, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

// ---- rendering ----

static const char values_file[] = "apiVersion: v1\n"
                                  "kind: ConfigMap\n"
                                  "metadata: {name: values}\n"
                                  "data: {REGION: us, COPIES: \"3\", LINES: \"a\\nb\\n\"}\n"
                                  "---\n"
                                  "apiVersion: v1\n"
                                  "kind: Secret\n"
                                  "metadata: {name: secret}\n"
                                  "data: {TOKEN: c2VjcmV0Cg==}\n"
                                  "stringData: {PLAIN: text}\n";

static const char web_file[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata:\n"
    "  name: web-${REGION}\n"
    "  annotations: {lines: \"${LINES}\", token: \"${TOKEN}-${PLAIN}\"}\n"
    "spec:\n"
    "  replicas: ${COPIES}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: ConfigMap\n"
    "metadata:\n"
    "  name: script\n"
    "  annotations: {sealift.dev/substitute: disabled}\n"
    "data: {run: 'echo ${HOME}'}\n";

static void write_tree(const char *folder, const char *name, const char *text)
{
    cleanup_free char *path = path_join(folder, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static char *make_tree(void)
{
    char *folder = xstrdup("/tmp/sealift-substitute-XXXXXX");
    assert_non_null(mkdtemp(folder));
    cleanup_free char *apps = path_join(folder, "apps");
    assert_int_equal(mkdir(apps, 0755), 0);
    write_tree(folder, "values.yaml", values_file);
    write_tree(folder, "apps/web.yaml", web_file);
    return folder;
}

// The YAML of the objects below apps, one after the other; NULL on failure.
static char *render_with(const char *folder, const char *config, struct error *err)
{
    cleanup_json json_t *substitute = json_loads(config, 0, NULL);
    assert_non_null(substitute);
    cleanup_tree struct tree *tree = NULL;
    const struct render_options options = {.substitute = substitute};
    cleanup_render_result struct render_result result = {0};
    assert_int_equal(tree_open_dir(folder, &tree, err), 0);
    if (render_tree(tree, "apps", &options, &result, err) < 0)
        return NULL;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 100000);
    vec_foreach (struct render_object, object, &result.objects)
        strbuf_addf(&out, "%s:\n%s", object->path, object->yaml);
    return strbuf_steal(&out);
}

static void test_substitute_values_of_files_and_inline(void **state)
{
    (void)state;
    cleanup_free char *folder = make_tree();
    cleanup_error struct error err = {0};
    cleanup_free char *first =
        render_with(folder, "{\"from\": [\"values.yaml\"], \"vars\": {\"REGION\": \"eu\"}}", &err);
    if (first == NULL)
        fail_msg("%s", err.message);
    assert_non_null(strstr(first, "name: web-eu\n"));
    assert_non_null(strstr(first, "replicas: 3\n"));
    assert_non_null(strstr(first, "lines: ab\n"));
    assert_non_null(strstr(first, "token: secret-text\n"));
    assert_non_null(strstr(first, "run: echo ${HOME}\n"));
    cleanup_free char *second = render_with(folder, "{\"from\": [\"values.yaml\"]}", &err);
    assert_non_null(strstr(second, "name: web-us\n"));
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

static void test_substitute_errors_name_the_place(void **state)
{
    (void)state;
    cleanup_free char *folder = make_tree();
    static const struct {
        const char *config;
        const char *sentence;
    } cases[] = {
        {"{\"vars\": {\"REGION\": \"eu\", \"LINES\": \"\", \"TOKEN\": \"\", \"PLAIN\": \"\"}}",
         "apps/web.yaml:7: Deployment web-${REGION}: the variable COPIES is not set; give it a "
         "value in substitute.vars (or with --substitute COPIES=…), or write ${COPIES:=default}"},
        {"{\"vars\": {\"a-b\": \"eu\"}}",
         "substitute.vars: \"a-b\" is no name of a variable: letters, digits and '_', no digit "
         "first"},
        {"{\"from\": [\"apps/web.yaml\"]}",
         "substitute.from[0]: apps/web.yaml:1: variables come from ConfigMaps and Secrets of v1, "
         "not from this Deployment"},
        {"{\"from\": [\"apps/wep.yaml\"]}",
         "substitute.from[0]: there is no apps/wep.yaml (did you mean apps/web.yaml?)"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        assert_null(render_with(folder, cases[i].config, &err));
        assert_string_equal(err.message, cases[i].sentence);
    }
    cleanup_error struct error err = {0};
    assert_null(render_with(folder, "{\"from\": [\"none.yaml\"]}", &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envsubst_expands),
        cmocka_unit_test(test_envsubst_refuses),
        cmocka_unit_test(test_envsubst_unset_is_empty_where_not_strict),
        cmocka_unit_test(test_envsubst_is_bounded),
        cmocka_unit_test(test_substitute_values_of_files_and_inline),
        cmocka_unit_test(test_substitute_errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
