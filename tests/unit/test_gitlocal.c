// Repositories on this host's disk: refs, snapshots, history.
#include "git_fixture.h"

static struct gitremote *open_url(const char *url)
{
    struct gitremote_config config = {.url = url};
    struct gitremote *remote = NULL;
    cleanup_error struct error err = {0};
    if (gitremote_open(&config, &remote, &err) < 0)
        fail_msg("%s", error_message(&err));
    return remote;
}

static void check_resolves(struct gitremote *remote, enum gitremote_select kind, const char *value,
                           const char *ref, const char *commit)
{
    struct gitremote_selector selector = {.kind = kind, .value = value};
    cleanup_gitremote_revision struct gitremote_revision revision = {0};
    cleanup_error struct error err = {0};
    if (gitremote_resolve(remote, &selector, &revision, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_string_equal(revision.ref, ref);
    assert_string_equal(revision.commit, commit);
}

static void check_refuses(struct gitremote *remote, enum gitremote_select kind, const char *value,
                          enum error_code code, const char *part)
{
    struct gitremote_selector selector = {.kind = kind, .value = value};
    cleanup_gitremote_revision struct gitremote_revision revision = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(gitremote_resolve(remote, &selector, &revision, &err), -1);
    assert_int_equal(err.code, code);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_gitlocal_resolves_refs(void **state)
{
    const struct git_fixture *fixture = *state;
    cleanup_free char *url = xasprintf("file://%s", fixture->repo);
    cleanup_gitremote struct gitremote *remote = open_url(url);
    cleanup_free char *head = commit_of(fixture, "main");
    check_resolves(remote, GITREMOTE_BRANCH, "main", "refs/heads/main", head);
    check_resolves(remote, GITREMOTE_TAG, "v1.2.0", "refs/tags/v1.2.0", head);
    check_resolves(remote, GITREMOTE_SEMVER, "^1", "refs/tags/v1.2.0", head);
    check_resolves(remote, GITREMOTE_SEMVER, "*", "refs/tags/v1.2.0", head);
    check_resolves(remote, GITREMOTE_SEMVER, ">=2.0.0-0", "refs/tags/v2.0.0-rc.1", head);
    check_resolves(remote, GITREMOTE_COMMIT, head, "", head);
    check_refuses(remote, GITREMOTE_BRANCH, "gone", ERROR_NOT_FOUND, "no branch \"gone\"");
    check_refuses(remote, GITREMOTE_TAG, "main", ERROR_NOT_FOUND, "no tag \"main\"");
    check_refuses(remote, GITREMOTE_SEMVER, "^3", ERROR_NOT_FOUND, "none of the 4 tags");
    check_refuses(remote, GITREMOTE_SEMVER, "newest", ERROR_INVALID, "not a version range");
    check_refuses(remote, GITREMOTE_BRANCH, "a..b", ERROR_INVALID, "no name");
    check_refuses(remote, GITREMOTE_BRANCH, "a\nb", ERROR_INVALID, "no name");
    check_refuses(remote, GITREMOTE_BRANCH, "", ERROR_INVALID, "no name");
    check_refuses(remote, GITREMOTE_COMMIT, "abc", ERROR_INVALID, "40 hex digits");
}

static void check_open_fails(const char *url, enum error_code code, const char *part)
{
    struct gitremote_config config = {.url = url};
    struct gitremote *remote = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(gitremote_open(&config, &remote, &err), -1);
    assert_int_equal(err.code, code);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_gitlocal_says_what_is_no_repository(void **state)
{
    const struct git_fixture *fixture = *state;
    run_shell(fixture->dir, "mkdir empty; git init -q --object-format=sha256 new");
    cleanup_free char *absent = path_join(fixture->dir, "absent");
    cleanup_free char *empty = path_join(fixture->dir, "empty");
    cleanup_free char *sha256 = path_join(fixture->dir, "new");
    check_open_fails(absent, ERROR_NOT_FOUND, "absent: No such file");
    check_open_fails(empty, ERROR_NOT_FOUND, "is not a git repository");
    check_open_fails(sha256, ERROR_INVALID, "objectformat");
    check_open_fails("file://host/x", ERROR_INVALID, "names no host");
    check_open_fails("file:///x%zz", ERROR_INVALID, "hexadecimal");
    check_open_fails("ftp://host/x", ERROR_INVALID, "starts with https://");
}

static void check_file(struct tree *tree, const char *path, const char *start)
{
    cleanup_free char *data = NULL;
    cleanup_error struct error err = {0};
    size_t size = 0;
    if (tree_read(tree, path, 100000, &data, &size, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(strncmp(data, start, strlen(start)), 0);
    assert_int_equal(strlen(data), size);
}

static void test_gitlocal_shows_files_of_a_commit(void **state)
{
    const struct git_fixture *fixture = *state;
    cleanup_gitremote struct gitremote *remote = open_url(fixture->repo);
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    cleanup_error struct error err = {0};
    struct gitremote_revision revision = {0};
    cleanup_free char *head = commit_of(fixture, "main");
    snprintf(revision.commit, sizeof revision.commit, "%s", head);
    assert_int_equal(gitremote_fetch(remote, &revision, &snapshot, &err), 0);
    const struct gitcommit *commit = gitsnapshot_commit(snapshot);
    assert_string_equal(commit->id, head);
    assert_string_equal(commit->subject, "First commit");
    assert_string_equal(commit->author_email, "ada@example.com");
    assert_true(commit->time_s > 1500000000);
    struct tree *tree = gitsnapshot_tree(snapshot);
    check_file(tree, "README", "top\n");
    check_file(tree, "apps/shop/7.yaml", "7\n8\n");
    check_file(tree, "apps/link", "1\n2\n");
    cleanup_vec struct vec entries = TREE_ENTRIES;
    assert_int_equal(tree_list(tree, "apps/shop", &entries, NULL), 0);
    assert_int_equal(entries.len, 9);
    const struct tree_entry *first = vec_at(&entries, 0);
    assert_string_equal(first->name, "1.yaml");
    assert_int_equal(first->kind, TREE_FILE);
    assert_int_equal(first->size, 1492);
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(tree_read(tree, "apps/none", 100, &data, &size, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(tree_read(tree, "README/none", 100, &data, &size, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(tree_read(tree, "apps/shop/1.yaml", 100, &data, &size, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(tree_read(tree, "apps", 100, &data, &size, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(gitsnapshot_signature(snapshot, &data, &data, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_gitlocal_refuses_what_is_no_commit(void **state)
{
    const struct git_fixture *fixture = *state;
    cleanup_gitremote struct gitremote *remote = open_url(fixture->repo);
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    cleanup_error struct error err = {0};
    struct gitremote_revision revision = {0};
    run_shell(fixture->repo, "git rev-parse main:apps > ../commit");
    cleanup_free char *folder = read_line(fixture, "commit");
    snprintf(revision.commit, sizeof revision.commit, "%s", folder);
    assert_int_equal(gitremote_fetch(remote, &revision, &snapshot, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    snprintf(revision.commit, sizeof revision.commit, "%040d", 1);
    assert_int_equal(gitremote_fetch(remote, &revision, &snapshot, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_gitlocal_tells_forward_from_rewritten(void **state)
{
    const struct git_fixture *fixture = *state;
    run_shell(fixture->repo, "echo 2 >> README; git commit -q -a -m two; git branch old; "
                             "git checkout -q -b side HEAD~1; echo 3 > c; git add c; "
                             "git commit -q -m side; git checkout -q main; "
                             "git merge -q -m merge side; git checkout -q -b forced HEAD~1; "
                             "git commit -q --amend -m other");
    cleanup_gitremote struct gitremote *remote = open_url(fixture->repo);
    static const struct {
        const char *from;
        const char *to;
        bool forward;
    } cases[] = {{"old", "main", true},   {"side", "main", true},     {"main", "old", false},
                 {"main", "side", false}, {"old", "forced", false},   {"main", "main", true},
                 {"old~1", "main", true}, {"main~1", "forced", false}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *from = commit_of(fixture, cases[i].from);
        cleanup_free char *to = commit_of(fixture, cases[i].to);
        bool forward = !cases[i].forward;
        assert_int_equal(gitremote_is_forward(remote, from, to, &forward, NULL), 0);
        if (forward != cases[i].forward)
            fail_msg("%s to %s: %d", cases[i].from, cases[i].to, forward);
    }
}

#define test(function) cmocka_unit_test_setup_teardown(function, git_set_up, git_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_gitlocal_resolves_refs),
        test(test_gitlocal_says_what_is_no_repository),
        test(test_gitlocal_shows_files_of_a_commit),
        test(test_gitlocal_refuses_what_is_no_commit),
        test(test_gitlocal_tells_forward_from_rewritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
