#include "render/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

static char *root;

static void put(const char *path, const char *text)
{
    cleanup_free char *full = path_join(root, path);
    assert_int_equal(file_write_swap(full, text, strlen(text), 0644, NULL), 0);
}

static void make_link(const char *path, const char *target)
{
    cleanup_free char *full = path_join(root, path);
    assert_int_equal(symlink(target, full), 0);
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(file_make_temp_dir("tree-", &root, NULL), 0);
    cleanup_free char *deep = path_join(root, "a/b/c");
    assert_int_equal(file_make_dirs(deep, NULL), 0);
    put("a/one.yaml", "one");
    put("a/b/two.yaml", "two");
    put("a/B.yaml", "B");
    make_link("a/inside", "b/two.yaml");
    make_link("a/b/up", "../one.yaml");
    make_link("folder", "a/b");
    make_link("out", "../etc/passwd");
    make_link("absolute", "/etc/passwd");
    make_link("loop", "loop");
    make_link("dangling", "a/none");
    cleanup_free char *pipe_path = path_join(root, "fifo");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int result = file_remove_tree(root, NULL);
    free(root);
    return result;
}

static void test_tree_read_follows_only_inside(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *content; // or
        enum error_code code;
        const char *message;
    } rows[] = {
        {"a/one.yaml", "one", ERROR_NONE, NULL},
        {"./a//b/../one.yaml", "one", ERROR_NONE, NULL},
        {"a/inside", "two", ERROR_NONE, NULL},
        {"folder/two.yaml", "two", ERROR_NONE, NULL},
        {"folder/up", "one", ERROR_NONE, NULL},
        {"folder/../one.yaml", "one", ERROR_NONE, NULL},
        {"../x", NULL, ERROR_DENIED, "../x leads out of the tree"},
        {"/etc/passwd", NULL, ERROR_DENIED, "/etc/passwd leads out of the tree"},
        {"out", NULL, ERROR_DENIED,
         "out: the symbolic link leads to ../etc/passwd, out of the tree; commit the file itself"},
        {"absolute", NULL, ERROR_DENIED,
         "absolute: the symbolic link leads to /etc/passwd, out of the tree; commit the file "
         "itself"},
        {"loop", NULL, ERROR_INVALID,
         "loop: more than 8 symbolic links to follow; commit the file itself"},
        {"dangling", NULL, ERROR_NOT_FOUND, NULL},
        {"none", NULL, ERROR_NOT_FOUND, NULL},
        {"a/one.yaml/x", NULL, ERROR_NOT_FOUND, "a/one.yaml/x: a/one.yaml is not a folder"},
        {"a", NULL, ERROR_INVALID, "a is not a file"},
        {"fifo", NULL, ERROR_INVALID, "fifo is not a file"},
    };
    cleanup_tree struct tree *tree = NULL;
    assert_int_equal(tree_open_dir(root, &tree, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_error struct error err = {0};
        cleanup_free char *data = NULL;
        size_t size = 0;
        int result = tree_read(tree, rows[i].path, 100, &data, &size, &err);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(result, rows[i].content != NULL ? 0 : -1);
        if (rows[i].content != NULL)
            assert_string_equal(data, rows[i].content);
        if (rows[i].message != NULL)
            assert_string_equal(err.message, rows[i].message);
    }
    cleanup_error struct error err = {0};
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(tree_read(tree, "a/one.yaml", 2, &data, &size, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_tree_list_is_sorted_and_recorded(void **state)
{
    (void)state;
    cleanup_tree struct tree *tree = NULL;
    assert_int_equal(tree_open_dir(root, &tree, NULL), 0);
    cleanup_vec struct vec record = VEC_OF(char *, vec_release_string);
    tree_record(tree, &record);
    cleanup_vec struct vec entries = TREE_ENTRIES;
    assert_int_equal(tree_list(tree, "a", &entries, NULL), 0);
    static const char *const names[] = {"B.yaml", "b", "inside", "one.yaml"};
    static const enum tree_kind kinds[] = {TREE_FILE, TREE_DIRECTORY, TREE_SYMLINK, TREE_FILE};
    assert_int_equal(entries.len, ARRAY_LENGTH(names));
    for (size_t i = 0; i < entries.len; i++) {
        const struct tree_entry *entry = vec_at(&entries, i);
        assert_string_equal(entry->name, names[i]);
        assert_int_equal(entry->kind, kinds[i]);
    }
    cleanup_vec struct vec folder = TREE_ENTRIES;
    assert_int_equal(tree_list(tree, "folder", &folder, NULL), 0);
    assert_int_equal(folder.len, 3);
    assert_int_equal(tree_list(tree, "a/one.yaml", &folder, NULL), -1);
    enum tree_kind kind;
    assert_int_equal(tree_lookup(tree, "kustomization.yaml", &kind, NULL, NULL), -1);
    assert_int_equal(tree_lookup(tree, "a/inside", &kind, NULL, NULL), 0);
    assert_int_equal(kind, TREE_FILE);
    assert_int_equal(tree_lookup(tree, "", &kind, NULL, NULL), 0);
    assert_int_equal(kind, TREE_DIRECTORY);
    tree_record_finish(&record);
    static const char *const recorded[] = {
        "/", "a/", "a/b/", "a/b/two.yaml", "a/inside", "a/one.yaml", "folder", "kustomization.yaml",
    };
    assert_int_equal(record.len, ARRAY_LENGTH(recorded));
    for (size_t i = 0; i < record.len; i++)
        assert_string_equal(*(char **)vec_at(&record, i), recorded[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_read_follows_only_inside),
        cmocka_unit_test(test_tree_list_is_sorted_and_recorded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
