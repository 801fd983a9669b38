// Renders with what is brought from elsewhere, without any network: what is wanted, who is named as
// the one that wants it, and what is never followed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/kustomize.h"
#include "render/remote.h"
#include "render/render.h"

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

struct place {
    char *root;
    struct remotes *remotes;
    struct vec trees; // struct tree *
};

static void close_tree(void *element)
{
    tree_free(*(struct tree **)element);
}

static int setup(void **state)
{
    struct place *place = xcalloc(1, sizeof *place);
    assert_int_equal(file_make_temp_dir("remote", &place->root, NULL), 0);
    place->remotes = remotes_new();
    place->trees = VEC_OF(struct tree *, close_tree);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    remotes_free(place->remotes);
    vec_free(&place->trees);
    assert_int_equal(file_remove_tree(place->root, NULL), 0);
    free(place->root);
    free(place);
    return 0;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
    cleanup_free char *path = path_join(place->root, name);
    cleanup_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    assert_int_equal(file_make_dirs(dir, NULL), 0);
    assert_int_equal(file_write_swap(path, text, strlen(text), 0644, NULL), 0);
}

static struct tree *open_tree(struct place *place, const char *name)
{
    cleanup_free char *path = path_join(place->root, name);
    struct tree *tree = NULL;
    assert_int_equal(tree_open_dir(path, &tree, NULL), 0);
    *(struct tree **)vec_push(&place->trees) = tree;
    return tree;
}

// "top" is rendered; the text of the objects is owned.
static int build(struct place *place, char **ret_text, struct error *err)
{
    const struct kustomize_options options = {.remotes = place->remotes};
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    if (kustomize_build(open_tree(place, "top"), "", &options, &objects, &warnings, err) < 0)
        return -1;
    assert_int_equal(kustomize_print(&objects, &out, NULL), 0);
    *ret_text = strbuf_steal(&out);
    return 0;
}

// The first; NULL when all is there.
static struct remote *next_wanted(const struct remotes *remotes)
{
    cleanup_vec struct vec wanted = VEC_OF(struct remote *, NULL);
    remotes_wanted(remotes, REMOTE_FILE, &wanted);
    remotes_wanted(remotes, REMOTE_REPOSITORY, &wanted);
    return wanted.len > 0 ? *(struct remote **)vec_at(&wanted, 0) : NULL;
}

static struct remote *expect_wanted(struct place *place, enum remote_kind kind, const char *url,
                                    const char *ref)
{
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    assert_int_equal(build(place, &text, &err), -1);
    struct remote *wanted = next_wanted(place->remotes);
    if (wanted == NULL)
        fail_msg("nothing is wanted: %s", error_message(&err));
    assert_int_equal(wanted->kind, kind);
    assert_string_equal(wanted->url, url);
    assert_string_equal(wanted->ref, ref);
    return wanted;
}

static void bring_file(struct remote *remote, const char *text)
{
    remote->data = xstrdup(text);
    remote->size = strlen(text);
    remote->state = REMOTE_BROUGHT;
}

static void bring_tree(struct place *place, struct remote *remote, const char *name)
{
    remote->tree = open_tree(place, name);
    remote->state = REMOTE_BROUGHT;
}

static void test_remote_wants_one_turn_after_the_other(void **state)
{
    struct place *place = *state;
    write_file(place, "top/kustomization.yaml", "resources:\n- base\nnamePrefix: t-\n");
    write_file(place, "top/base/kustomization.yaml",
               "resources:\n- https://u:secret@a.example/x/base.git//dir?ref=v1\n");
    write_file(place, "one/dir/kustomization.yaml",
               "resources: [a.yaml]\npatches: [{path: https://b.example/patch.yaml}]\n");
    write_file(place, "one/dir/a.yaml", CM("a"));
    struct remote *base =
        expect_wanted(place, REMOTE_REPOSITORY, "https://u:secret@a.example/x/base.git", "v1");
    assert_string_equal(base->name, "https://a.example/x/base.git");
    assert_string_equal(base->place, "kustomization.yaml:2: resources[0]: "
                                     "base/kustomization.yaml:2: resources[0]");
    assert_null(base->asker);
    bring_tree(place, base, "one");
    struct remote *patch = expect_wanted(place, REMOTE_FILE, "https://b.example/patch.yaml", "");
    assert_false(patch->may_be_absent);
    assert_ptr_equal(patch->asker, base);
    assert_string_equal(patch->place, "kustomization.yaml:2: resources[0]: "
                                      "base/kustomization.yaml:2: resources[0]: "
                                      "https://a.example/x/base.git//dir/kustomization.yaml");
    bring_file(patch, CM("a") "data: {b: c}\n");
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    if (build(place, &text, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_string_equal(text, "apiVersion: v1\ndata:\n  b: c\nkind: ConfigMap\nmetadata:\n"
                              "  name: t-a\n");
}

static void test_remote_wants_all_of_a_list_at_once(void **state)
{
    struct place *place = *state;
    write_file(place, "top/kustomization.yaml",
               "resources:\n- https://a.example/one.yaml\n- git@a.example:x/two\n"
               "- https://a.example/x/three/dir\n"
               "patches: [{patch: '{\"kind\": \"A\", \"metadata\": {\"name\": \"b\"}}'}]\n");
    cleanup_free char *text = NULL;
    assert_int_equal(build(place, &text, NULL), -1);
    assert_non_null(remotes_find(place->remotes, REMOTE_FILE, "https://a.example/one.yaml", ""));
    assert_non_null(remotes_find(place->remotes, REMOTE_REPOSITORY, "git@a.example:x/two", ""));
    const struct remote *three =
        remotes_find(place->remotes, REMOTE_FILE, "https://a.example/x/three/dir", "");
    assert_non_null(three);
    assert_true(three->may_be_absent);
}

// kustomize clones where no objects come back.
static void test_remote_page_is_no_manifest(void **state)
{
    struct place *place = *state;
    write_file(place, "top/kustomization.yaml", "resources: [https://a.example/x/y/dir]\n");
    struct remote *page = expect_wanted(place, REMOTE_FILE, "https://a.example/x/y/dir", "");
    bring_file(page, "<html>\n<body>: [no, objects</body>\n");
    expect_wanted(place, REMOTE_REPOSITORY, "https://a.example/x/y", "");
}

static void test_remote_file_that_is_gone(void **state)
{
    struct place *place = *state;
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    write_file(place, "top/kustomization.yaml", "resources: [https://a.example/x.yaml]\n");
    struct remote *file = expect_wanted(place, REMOTE_FILE, "https://a.example/x.yaml", "");
    file->absence = xstrdup("no such file");
    file->state = REMOTE_ABSENT;
    assert_int_equal(build(place, &text, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_string_equal(err.message, "kustomization.yaml:1: resources[0]: no such file");
}

static void test_remote_circle_is_shown(void **state)
{
    struct place *place = *state;
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    write_file(place, "top/kustomization.yaml", "resources: ['git@a.example:x/y//dir?ref=v1']\n");
    write_file(place, "one/dir/kustomization.yaml", "resources: ['git@a.example:x/y']\n");
    bring_tree(place, expect_wanted(place, REMOTE_REPOSITORY, "git@a.example:x/y", "v1"), "one");
    assert_int_equal(build(place, &text, &err), -1);
    assert_non_null(strstr(err.message, "the remote bases form a circle: git@a.example:x/y is "
                                        "being built already, as git@a.example:x/y//dir?ref=v1"));
}

// Each of other URL leads to the same tree, which names the next: nothing but depth ends it.
static void test_remote_depth_is_bounded(void **state)
{
    struct place *place = *state;
    cleanup_error struct error err = {0};
    write_file(place, "top/kustomization.yaml", "resources: ['git@a.example:x/y0']\n");
    for (int i = 0; i < REMOTES_MAX_DEEP + 4; i++) {
        cleanup_free char *text = NULL;
        cleanup_free char *name = xasprintf("tree%d", i);
        cleanup_free char *file = xasprintf("%s/kustomization.yaml", name);
        cleanup_free char *next = xasprintf("resources: ['git@a.example:x/y%d']\n", i + 1);
        write_file(place, file, next);
        error_release(&err);
        assert_int_equal(build(place, &text, &err), -1);
        struct remote *wanted = next_wanted(place->remotes);
        if (wanted == NULL)
            break;
        bring_tree(place, wanted, name);
    }
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_non_null(strstr(err.message, "more than 16 repositories in one another"));
}

static void test_remote_count_is_bounded(void **state)
{
    struct place *place = *state;
    cleanup_error struct error err = {0};
    cleanup_free char *text = NULL;
    cleanup_strbuf struct strbuf file;
    strbuf_init(&file, 1 << 20);
    strbuf_addstr(&file, "resources:\n");
    for (int i = 0; i <= REMOTES_MAX; i++)
        strbuf_addf(&file, "- https://a.example/%d.yaml\n", i);
    write_file(place, "top/kustomization.yaml", file.data);
    assert_int_equal(build(place, &text, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_remote_wants_one_turn_after_the_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_remote_wants_all_of_a_list_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote_page_is_no_manifest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote_file_that_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote_circle_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote_depth_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote_count_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
