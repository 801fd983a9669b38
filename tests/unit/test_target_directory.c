#include "controller/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"

#define KEEP_ANNOTATION "metadata: {annotations: {sealift.dev/prune: disabled}}\n"

static char *root; // of one test

static int setup(void **state)
{
    (void)state;
    return file_make_temp_dir("target-", &root, NULL);
}

static int teardown(void **state)
{
    (void)state;
    int result = file_remove_tree(root, NULL);
    free(root);
    return result;
}

static char *at(const char *path)
{
    return path_join(root, path);
}

static void put(const char *path, const char *text)
{
    cleanup_free char *full = at(path);
    cleanup_free char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
    assert_int_equal(file_make_dirs(dir, NULL), 0);
    assert_int_equal(file_write_swap(full, text, strlen(text), 0644, NULL), 0);
}

static char *get(const char *path)
{
    cleanup_free char *full = at(path);
    char *text = NULL;
    return file_read(full, 1 << 20, &text, NULL, NULL) == 0 ? text : NULL;
}

static void assert_file(const char *path, const char *wanted)
{
    cleanup_free char *text = get(path);
    if (wanted == NULL && text != NULL)
        fail_msg("%s exists", path);
    if (wanted != NULL && text == NULL)
        fail_msg("%s is missing", path);
    if (wanted != NULL)
        assert_string_equal(text, wanted);
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    cleanup_free char *full = at(path);
    assert_int_equal(lstat(full, &st), 0);
    return st.st_ino;
}

static struct target *make(const char *owner, const char *path, enum directory_layout layout)
{
    struct target *target = NULL;
    cleanup_free char *full = at(path);
    cleanup_error struct error err = {0};
    if (target_directory_new(NULL, owner, full, layout, &target, &err) < 0)
        fail_msg("%s", err.message);
    return target;
}

static struct target_object object(const char *path, const char *bytes)
{
    const char *slash = strchr(path, '/');
    static const char *const kinds[] = {"Pod", "ConfigMap", "Service"};
    const char *kind = "";
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (slash != NULL && strncmp(slash + 1, kinds[i], strlen(kinds[i])) == 0)
            kind = kinds[i];
    const char *name = strrchr(path, '/') + 1;
    static char names[8][64];
    static size_t next;
    char *short_name = names[next++ % 8];
    snprintf(short_name, 64, "%.*s", (int)strcspn(name, "."), name);
    return (struct target_object){.path = path,
                                  .group = "",
                                  .kind = kind,
                                  .name = short_name,
                                  .bytes = bytes,
                                  .size = strlen(bytes)};
}

// "update a/ConfigMap/x.yaml; " for each result that is not unchanged.
static char *tell(const struct vec *results)
{
    struct strbuf text;
    strbuf_init(&text, 10000);
    vec_foreach (struct target_result, result, results) {
        if (result->action != TARGET_UNCHANGED)
            strbuf_addf(&text, "%s %s; ", target_action_name(result->action), result->path);
        if (result->error.code != ERROR_NONE)
            strbuf_addf(&text, "(%s) ", result->error.message);
    }
    return strbuf_steal(&text);
}

static void expect(struct target *target,
                   int (*verb)(struct target *, const struct target_request *, struct vec *,
                               struct error *),
                   const struct target_request *request, const char *wanted)
{
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_error struct error err = {0};
    if (verb(target, request, &results, &err) < 0)
        fail_msg("%s", err.message);
    cleanup_free char *told = tell(&results);
    assert_string_equal(told, wanted);
}

static void expect_refusal(struct target *target, const struct target_request *request,
                           const char *wanted)
{
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_error struct error err = {0};
    assert_int_equal(target_apply(target, request, &results, &err), -1);
    if (strstr(err.message, wanted) == NULL)
        fail_msg("%s", err.message);
    cleanup_vec struct vec planned = TARGET_RESULTS;
    assert_int_equal(target_plan(target, request, &planned, NULL), -1);
}

static void test_target_directory_tree_follows_its_objects(void **state)
{
    (void)state;
    struct target *target = make("shop/web", "deep/er/tree", DIRECTORY_TREE);
    struct target_object first[] = {object("_/ConfigMap/a.yaml", "a: 1\n"),
                                    object("shop/ConfigMap/b.yaml", "b: 1\n"),
                                    object("shop/Service/c.yaml", KEEP_ANNOTATION)};
    struct target_request request = {
        .objects = first, .n = 3, .prune = true, .revision = "main@sha1:1"};
    static const char created[] = "create _/ConfigMap/a.yaml; create shop/ConfigMap/b.yaml; create "
                                  "shop/Service/c.yaml; ";
    expect(target, target_plan, &request, created);
    assert_file("deep/er/tree/_/ConfigMap/a.yaml", NULL);
    expect(target, target_apply, &request, created);
    assert_file("deep/er/tree/_/ConfigMap/a.yaml", "a: 1\n");
    assert_file("deep/er/tree/.sealift",
                "# A sealift Sync keeps this folder: what is put here by hand is removed.\n"
                "owner shop/web\nrevision main@sha1:1\nobject _/ConfigMap/a.yaml\n"
                "object shop/ConfigMap/b.yaml\nobject shop/Service/c.yaml\n");
    ino_t folder = inode_of("deep/er/tree");
    ino_t file = inode_of("deep/er/tree/shop/ConfigMap/b.yaml");
    expect(target, target_apply, &request, "");
    assert_int_equal(inode_of("deep/er/tree"), folder);

    struct target_object second[] = {object("_/ConfigMap/a.yaml", "a: 2\n"),
                                     object("shop/ConfigMap/b.yaml", "b: 1\n")};
    struct target_request update = {.objects = second, .n = 2, .prune = true};
    expect(target, target_prune_candidates, &update, "keep shop/Service/c.yaml; ");
    expect(target, target_apply, &update, "update _/ConfigMap/a.yaml; keep shop/Service/c.yaml; ");
    assert_file("deep/er/tree/_/ConfigMap/a.yaml", "a: 2\n");
    assert_file("deep/er/tree/shop/Service/c.yaml", KEEP_ANNOTATION);
    assert_int_equal(inode_of("deep/er/tree/shop/ConfigMap/b.yaml"), file);
    assert_int_not_equal(inode_of("deep/er/tree"), folder);

    struct target_request less = {.objects = second, .n = 1, .prune = false};
    expect(target, target_apply, &less, "keep shop/ConfigMap/b.yaml; keep shop/Service/c.yaml; ");
    less.prune = true;
    expect(target, target_apply, &less, "prune shop/ConfigMap/b.yaml; keep shop/Service/c.yaml; ");
    assert_file("deep/er/tree/shop/ConfigMap/b.yaml", NULL);

    struct target_health health = {0};
    assert_int_equal(target_health_of(target, NULL, &health, NULL), 0);
    assert_int_equal(health.ready, 2);
    assert_int_equal(health.total, 2);
    cleanup_vec struct vec results = TARGET_RESULTS;
    assert_int_equal(target_remove_all(target, NULL, &results, NULL), 0);
    cleanup_free char *told = tell(&results);
    assert_string_equal(told, "prune _/ConfigMap/a.yaml; prune shop/Service/c.yaml; ");
    cleanup_free char *parent = at("deep/er");
    assert_int_equal(rmdir(parent), 0);
    target_free(target);
}

static void test_target_directory_tree_heals_everything(void **state)
{
    (void)state;
    static const struct {
        const char *command; // done in the tree
        const char *plan;
    } rows[] = {
        {"echo x > s/ConfigMap/a.yaml", "update s/ConfigMap/a.yaml; "},
        {"rm s/ConfigMap/a.yaml", "create s/ConfigMap/a.yaml; "},
        {"rm -r s", "create s/ConfigMap/a.yaml; create s/ConfigMap/b.yaml; "},
        {"chmod 600 s/ConfigMap/a.yaml", "update s/ConfigMap/a.yaml; "},
        {"chmod 700 s", "update s; "},
        {"chmod 700 .", "update .; "},
        {"touch s/ConfigMap/foreign", "prune s/ConfigMap/foreign; "},
        {"mkdir -p x/y/z; touch x/y/z/q", "prune x; "},
        {"ln -sf /etc/passwd s/ConfigMap/a.yaml", "update s/ConfigMap/a.yaml; "},
        {"mv s t; ln -s t s",
         "update s; update s/ConfigMap; update s/ConfigMap/a.yaml; update s/ConfigMap/b.yaml; "
         "prune t; "},
        {"rm s/ConfigMap/a.yaml; mkfifo s/ConfigMap/a.yaml", "update s/ConfigMap/a.yaml; "},
        {"echo owner a/b > .sealift", ""},
        {"rm .sealift", ""},
        {"rm .sealift; touch x", "prune x; "},
    };
    struct target *target = make("shop/web", "tree", DIRECTORY_TREE);
    struct target_object objects[] = {object("s/ConfigMap/a.yaml", "a: 1\n"),
                                      object("s/ConfigMap/b.yaml", "b: 1\n")};
    struct target_request request = {.objects = objects, .n = 2, .prune = true};
    expect(target, target_apply, &request,
           "create s/ConfigMap/a.yaml; create s/ConfigMap/b.yaml; ");
    cleanup_free char *marker = get("tree/.sealift");
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *command = xasprintf("cd %s/tree && { %s; }", root, rows[i].command);
        FILE *shell = popen(command, "r");
        assert_non_null(shell);
        assert_int_equal(pclose(shell), 0);
        expect(target, target_plan, &request, rows[i].plan);
        expect(target, target_apply, &request, rows[i].plan);
        expect(target, target_plan, &request, "");
        assert_file("tree/.sealift", marker);
        assert_file("tree/s/ConfigMap/a.yaml", "a: 1\n");
        assert_file("tree/s/ConfigMap/b.yaml", "b: 1\n");
    }
    cleanup_free char *tree = at("tree");
    assert_int_equal(file_remove_tree(tree, NULL), 0);
    expect(target, target_apply, &request,
           "create s/ConfigMap/a.yaml; create s/ConfigMap/b.yaml; ");
    cleanup_free char *moved = at("moved");
    assert_int_equal(rename(tree, moved), 0);
    assert_int_equal(symlink("moved", tree), 0);
    expect(target, target_apply, &request,
           "create s/ConfigMap/a.yaml; create s/ConfigMap/b.yaml; ");
    assert_file("moved/s/ConfigMap/a.yaml", "a: 1\n");
    target_free(target);
}

static void test_target_directory_tree_refuses_what_is_not_its_own(void **state)
{
    (void)state;
    struct target_object objects[] = {object("s/ConfigMap/a.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    struct target *other = make("shop/other", "other", DIRECTORY_TREE);
    expect(other, target_apply, &request, "create s/ConfigMap/a.yaml; ");
    put("used/file", "mine");
    put("file", "mine");
    cleanup_free char *link = at("link");
    assert_int_equal(symlink("used", link), 0);
    put(".busy.sealift/file", "mine");
    cleanup_free char *empty = at("empty");
    assert_int_equal(mkdir(empty, 0700), 0);
    static const struct {
        const char *path;
        const char *refusal;
    } rows[] = {
        {"used", "exists, is not empty and was not made by this Sync"},
        {"other", "belongs to Sync shop/other; give this Sync a path of its own"},
        {"other/s/inside", "the directory of Sync shop/other"},
        {"file", "is a file, not a folder"},
        {"link", "is a symbolic link, not a folder"},
        {"busy", "is in the way and was not made by this Sync"},
        {"empty", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct target *target = make("shop/web", rows[i].path, DIRECTORY_TREE);
        if (*rows[i].refusal == '\0') {
            expect(target, target_apply, &request, "create s/ConfigMap/a.yaml; ");
        } else {
            cleanup_vec struct vec results = TARGET_RESULTS;
            cleanup_error struct error err = {0};
            assert_int_equal(target_apply(target, &request, &results, &err), -1);
            if (strstr(err.message, rows[i].refusal) == NULL)
                fail_msg("%s", err.message);
            assert_int_equal(err.code, ERROR_INVALID);
        }
        // Nothing of others is removed either.
        cleanup_vec struct vec removed = TARGET_RESULTS;
        cleanup_error struct error ignored = {0};
        (void)!target_remove_all(target, NULL, &removed, &ignored);
        target_free(target);
    }
    assert_file("used/file", "mine");
    assert_file(".busy.sealift/file", "mine");
    assert_file("other/s/ConfigMap/a.yaml", "a: 1\n");
    struct target_object bad[] = {object("s/ConfigMap/../a.yaml", "a: 1\n")};
    struct target_request escaping = {.objects = bad, .n = 1};
    struct target *target = make("shop/web", "fresh", DIRECTORY_TREE);
    expect_refusal(target, &escaping, "cannot be a file's");
    target_free(target);
    target_free(other);
}

// The marker is the first file of a new tree: a crash may cut it, and a power cut leave the rest.
static void test_target_directory_tree_removes_what_a_crash_cut(void **state)
{
    (void)state;
    struct target_object objects[] = {object("s/ConfigMap/a.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    struct target *target = make("shop/web", "tree", DIRECTORY_TREE);
    expect(target, target_apply, &request, "create s/ConfigMap/a.yaml; ");
    cleanup_free char *whole = get("tree/.sealift");
    const char *owner = strstr(whole, "\nowner shop/web\n");
    assert_non_null(owner);
    const size_t sizes[] = {0, 3, (size_t)(owner - whole) + 5,
                            (size_t)(owner - whole) + strlen("\nowner shop/web") - 1,
                            (size_t)(owner - whole) + strlen("\nowner shop/web")};
    cleanup_free char *temp = at(".tree.sealift");
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        cleanup_free char *cut = xstrndup(whole, sizes[i]);
        put(".tree.sealift/.sealift", cut);
        put(".tree.sealift/s/ConfigMap/a.yaml", "");
        char text[16];
        snprintf(text, sizeof text, "a: %zu\n", i + 2);
        objects[0] = object("s/ConfigMap/a.yaml", text);
        expect(target, target_apply, &request, "update s/ConfigMap/a.yaml; ");
        assert_file("tree/s/ConfigMap/a.yaml", text);
        assert_false(file_exists(temp));
    }
    target_free(target);
}

static void test_target_directory_refuses_paths_without_one_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *message;
    } rows[] = {
        {"a/b", "target.directory.path \"a/b\" is not absolute; start it with '/'"},
        {"", "target.directory.path \"\" is not absolute; start it with '/'"},
        {"/", "target.directory.path is the root folder; name a folder below it"},
        {"//./", "target.directory.path is the root folder; name a folder below it"},
        {"/a/../b", "target.directory.path \"/a/../b\" contains \"..\"; write it without"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct target *target = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(
            target_directory_new(NULL, "a/b", rows[i].path, DIRECTORY_TREE, &target, &err), -1);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void test_target_directory_tree_survives_a_crash(void **state)
{
    (void)state;
    struct target_object objects[] = {object("s/ConfigMap/a.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    struct target *target = make("shop/web", "tree", DIRECTORY_TREE);
    // Before the exchange: a new tree that is not complete.
    put(".tree.sealift/.sealift", "# \nowner shop/web\n");
    put(".tree.sealift/s/ConfigMap/half.yaml", "a");
    expect(target, target_apply, &request, "create s/ConfigMap/a.yaml; ");
    assert_file(".tree.sealift/.sealift", NULL);
    target_free(target);
    // After it: the old tree under the temporary name, and a process that remembers nothing.
    put(".tree.sealift/.sealift", "# \nowner shop/web\nobject s/ConfigMap/old.yaml\n");
    put(".tree.sealift/s/ConfigMap/old.yaml", "a");
    target = make("shop/web", "tree", DIRECTORY_TREE);
    expect(target, target_apply, &request, "");
    assert_file(".tree.sealift/s/ConfigMap/old.yaml", NULL);
    // Right after its mkdir.
    cleanup_free char *temp = at(".tree.sealift");
    assert_int_equal(mkdir(temp, 0755), 0);
    objects[0] = object("s/ConfigMap/a.yaml", "a: 2\n");
    expect(target, target_apply, &request, "update s/ConfigMap/a.yaml; ");
    assert_int_equal(access(temp, F_OK), -1);
    target_free(target);
}

static void test_target_directory_tree_on_a_mount(void **state)
{
    (void)state;
    cleanup_free char *mounted = at("mounted");
    assert_int_equal(mkdir(mounted, 0755), 0);
    if (mount("sealift-test", mounted, "tmpfs", 0, "size=64k") < 0) {
        print_message("mounting needs root\n");
        free(mounted); // skip() leaves by longjmp
        skip();
    }
    struct target_object objects[] = {object("s/ConfigMap/a.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    struct target *target = make("shop/web", "mounted", DIRECTORY_TREE);
    expect_refusal(target, &request, "is a mount point");
    target_free(target);

    target = make("shop/web", "mounted/tree", DIRECTORY_TREE);
    expect(target, target_apply, &request, "create s/ConfigMap/a.yaml; ");
    cleanup_free char *large = xcalloc(1, 100001);
    for (size_t i = 0; i < 100000; i++)
        large[i] = 'x';
    objects[0] = object("s/ConfigMap/a.yaml", large);
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_error struct error err = {0};
    assert_int_equal(target_apply(target, &request, &results, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "No space left on device"));
    assert_file("mounted/tree/s/ConfigMap/a.yaml", "a: 1\n");
    assert_file("mounted/.tree.sealift/.sealift", NULL);
    target_free(target);

    target = make("shop/web", "mounted", DIRECTORY_ONE_FILE);
    assert_int_equal(target_apply(target, &request, &results, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    target_free(target);
    assert_int_equal(umount(mounted), 0);
}

static void test_target_directory_one_file(void **state)
{
    (void)state;
    static const char path[] = "k3s/sealift-shop-web-app-60e5dbcb.yaml";
    put("k3s/traefik.yaml", "theirs");
    put("k3s/.sealift-shop-web-app-60e5dbcb.yaml.abcdef", "left by a crash");
    struct target *target = make("shop/web.app", "k3s", DIRECTORY_ONE_FILE);
    struct target_object first[] = {object("_/ConfigMap/a.yaml", "a: 1\n"),
                                    object("s/ConfigMap/b.yaml", "b: 1"),
                                    object("s/Service/c.yaml", KEEP_ANNOTATION)};
    struct target_request request = {.objects = first, .n = 3, .prune = true, .revision = "r1"};
    static const char created[] =
        "create _/ConfigMap/a.yaml; create s/ConfigMap/b.yaml; create s/Service/c.yaml; ";
    expect(target, target_plan, &request, created);
    expect(target, target_apply, &request, created);
    assert_file(
        path,
        "# The sealift Sync shop/web.app keeps this file: changes by hand are "
        "undone.\n# Revision: r1\n---\n# Object: _/ConfigMap/a.yaml\na: 1\n---\n"
        "# Object: s/ConfigMap/b.yaml\nb: 1\n---\n# Object: s/Service/c.yaml\n" KEEP_ANNOTATION);
    assert_file("k3s/.sealift-shop-web-app-60e5dbcb.yaml.abcdef", NULL);
    ino_t inode = inode_of(path);
    expect(target, target_apply, &request, "");
    assert_int_equal(inode_of(path), inode);
    struct target_object second[] = {object("_/ConfigMap/a.yaml", "a: 2\n")};
    struct target_request update = {.objects = second, .n = 1, .prune = true};
    expect(target, target_prune_candidates, &update,
           "prune s/ConfigMap/b.yaml; keep s/Service/c.yaml; ");
    update.prune = false;
    expect(target, target_apply, &update,
           "update _/ConfigMap/a.yaml; keep s/ConfigMap/b.yaml; keep s/Service/c.yaml; ");
    update.prune = true;
    expect(target, target_apply, &update, "prune s/ConfigMap/b.yaml; keep s/Service/c.yaml; ");
    assert_file(path, "# The sealift Sync shop/web.app keeps this file: changes by hand are "
                      "undone.\n---\n# Object: _/ConfigMap/a.yaml\na: 2\n---\n"
                      "# Object: s/Service/c.yaml\n" KEEP_ANNOTATION);
    put(path, "# emptied by hand\n");
    expect(target, target_plan, &update, "create _/ConfigMap/a.yaml; ");
    expect(target, target_apply, &update, "create _/ConfigMap/a.yaml; ");
    cleanup_free char *full = at(path);
    assert_int_equal(chmod(full, 0600), 0);
    expect(target, target_plan, &update, "update sealift-shop-web-app-60e5dbcb.yaml; ");
    cleanup_vec struct vec removed = TARGET_RESULTS;
    assert_int_equal(target_remove_all(target, NULL, &removed, NULL), 0);
    cleanup_free char *told = tell(&removed);
    assert_string_equal(told, "prune _/ConfigMap/a.yaml; ");
    assert_file(path, "# The sealift Sync that kept this file was deleted.\n---\n");
    assert_file("k3s/traefik.yaml", "theirs");
    target_free(target);
}

static void test_target_directory_pods(void **state)
{
    (void)state;
    static const char web[] = "pods/sealift-kube-node-web-d1859981.yaml";
    static const char foreign[] = "pods/sealift-kube-node-web-00000000.yaml";
    put(foreign, "of a Sync called node-web");
    put("pods/etcd.yaml", "theirs");
    struct target *target = make("kube/node", "pods", DIRECTORY_PODS);
    struct target_object first[] = {object("_/Pod/web.yaml", "a: 1\n"),
                                    object("s/Pod/api.yaml", "b: 1\n")};
    struct target_request request = {.objects = first, .n = 2, .prune = true};
    cleanup_vec struct vec planned = TARGET_RESULTS;
    assert_int_equal(target_plan(target, &request, &planned, NULL), 0);
    assert_int_equal(planned.len, 2);
    cleanup_vec struct vec results = TARGET_RESULTS;
    assert_int_equal(target_apply(target, &request, &results, NULL), 0);
    assert_int_equal(results.len, 2);
    assert_file(web, "a: 1\n");
    ino_t inode = inode_of(web);
    expect(target, target_apply, &request, "");
    assert_int_equal(inode_of(web), inode);
    request.n = 1;
    expect(target, target_prune_candidates, &request,
           "prune sealift-kube-node-api-b29c4dfa.yaml; ");
    expect(target, target_apply, &request, "prune sealift-kube-node-api-b29c4dfa.yaml; ");
    assert_file("pods/sealift-kube-node-api-b29c4dfa.yaml", NULL);
    struct target_object twice[] = {object("a/Pod/web.yaml", "a: 1\n"),
                                    object("b/Pod/web.yaml", "b: 1\n")};
    struct target_request clash = {.objects = twice, .n = 2, .prune = true};
    expect_refusal(target, &clash, "a node runs one static Pod of a name");
    struct target_object wrong[] = {object("a/ConfigMap/web.yaml", "a: 1\n")};
    struct target_request kinds = {.objects = wrong, .n = 1, .prune = true};
    expect_refusal(target, &kinds, "a ConfigMap cannot be a static Pod");
    assert_file(web, "a: 1\n");
    cleanup_vec struct vec removed = TARGET_RESULTS;
    assert_int_equal(target_remove_all(target, NULL, &removed, NULL), 0);
    assert_file(web, NULL);
    assert_file(foreign, "of a Sync called node-web");
    assert_file("pods/etcd.yaml", "theirs");
    target_free(target);
    struct target *owner = make("shop/tree", "tree", DIRECTORY_TREE);
    struct target_request one = {.objects = wrong, .n = 1, .prune = true};
    expect(owner, target_apply, &one, "create a/ConfigMap/web.yaml; ");
    struct target *inside = make("kube/node", "tree", DIRECTORY_PODS);
    request.n = 1;
    expect_refusal(inside, &request, "is the directory of Sync shop/tree");
    target_free(inside);
    target_free(owner);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_target_directory_tree_follows_its_objects),
        TEST(test_target_directory_tree_heals_everything),
        TEST(test_target_directory_tree_refuses_what_is_not_its_own),
        TEST(test_target_directory_tree_removes_what_a_crash_cut),
        TEST(test_target_directory_refuses_paths_without_one_meaning),
        TEST(test_target_directory_tree_survives_a_crash),
        TEST(test_target_directory_tree_on_a_mount),
        TEST(test_target_directory_one_file),
        TEST(test_target_directory_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
