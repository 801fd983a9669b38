// Fetching over protocol v2 from git's own upload-pack, through the stand-in for ssh.
#include "git_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "render/git/gitstore.h"
#include "render/git/gittransport.h"
#include "render/git/gittransport_ssh_internal.h"

// Resolves a branch and fetches it. *ret_snapshot is untouched on failure.
static int pull(const struct gitremote_config *config, const char *branch,
                struct gitsnapshot **ret_snapshot, struct error *err)
{
    cleanup_gitremote struct gitremote *remote = NULL;
    cleanup_gitremote_revision struct gitremote_revision revision = {0};
    struct gitremote_selector selector = {.kind = GITREMOTE_BRANCH, .value = branch};
    if (gitremote_open(config, &remote, err) < 0 ||
        gitremote_resolve(remote, &selector, &revision, err) < 0)
        return -1;
    return gitremote_fetch(remote, &revision, ret_snapshot, err);
}

// Pulls main and looks at how a file starts.
static void check_pull(const struct gitremote_config *config, const char *path, const char *text)
{
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    cleanup_error struct error err = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (pull(config, "main", &snapshot, &err) < 0 ||
        tree_read(gitsnapshot_tree(snapshot), path, 10000, &data, &size, &err) < 0)
        fail_msg("%s", error_message(&err));
    if (strncmp(data, text, strlen(text)) != 0)
        fail_msg("%s starts with %.20s", path, data);
}

static void check_pull_fails(const struct gitremote_config *config, enum error_code code,
                             const char *part)
{
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(pull(config, "main", &snapshot, &err), -1);
    if (err.code != code || strstr(err.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", error_code_name(err.code), err.message, part);
}

// Packs in the store, and the size of the smallest.
static size_t count_packs(const struct git_fixture *fixture, off_t *ret_smallest)
{
    cleanup_free char *dir = path_join(fixture->store, "objects/pack");
    size_t count = 0;
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        cleanup_free char *path = path_join(dir, entry->d_name);
        struct stat status;
        if (entry->d_name[0] == '.')
            continue;
        assert_non_null(strchr(entry->d_name, '-')); // nothing temporary is left
        if (strstr(entry->d_name, ".pack") == NULL)
            continue;
        assert_int_equal(stat(path, &status), 0);
        if (count++ == 0 || status.st_size < *ret_smallest)
            *ret_smallest = status.st_size;
    }
    closedir(stream);
    return count;
}

static void commit_readme(const struct git_fixture *fixture, int number)
{
    cleanup_free char *script =
        xasprintf("echo %d > README; git commit -q -a -m %d", number, number);
    run_shell(fixture->repo, script);
}

static void test_gitremote_fetches_and_then_only_what_changed(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    off_t smallest = 0;
    check_pull(&config, "README", "top\n");
    assert_int_equal(count_packs(fixture, &smallest), 1);
    assert_true(smallest > 1000);
    commit_readme(fixture, 1);
    check_pull(&config, "README", "1\n");
    assert_int_equal(count_packs(fixture, &smallest), 2);
    assert_true(smallest < 700);
    // Nothing new: the refs are asked for, nothing is fetched.
    check_pull(&config, "apps/shop/9.yaml", "9\n10\n");
}

static void test_gitremote_asks_nothing_for_a_commit_it_has(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    check_pull(&config, "README", "top\n");
    set_ssh(fixture, "exit 1");
    cleanup_free char *head = commit_of(fixture, "main");
    cleanup_gitremote struct gitremote *remote = NULL;
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    struct gitremote_revision revision = {0};
    snprintf(revision.commit, sizeof revision.commit, "%s", head);
    assert_int_equal(gitremote_open(&config, &remote, NULL), 0);
    assert_int_equal(gitremote_fetch(remote, &revision, &snapshot, NULL), 0);
}

static void test_gitremote_follows_rewritten_branches(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    commit_readme(fixture, 1);
    check_pull(&config, "README", "1\n");
    run_shell(fixture->repo, "git reset -q --hard HEAD~1");
    check_pull(&config, "README", "top\n");
    run_shell(fixture->repo,
              "git commit -q --amend -m other; git reflog expire --expire=now --all; "
              "for tag in $(git tag); do git tag -d $tag; done >/dev/null; "
              "git gc -q --prune=now");
    check_pull(&config, "README", "top\n");
    run_shell(fixture->repo, "git checkout -q --orphan fresh; echo new > README; git add -A; "
                             "git commit -q -m fresh; git branch -f main; git checkout -q main");
    check_pull(&config, "README", "new\n");
}

static void test_gitremote_starts_over_before_packs_pile_up(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    off_t smallest = 0;
    for (int i = 0; i < 45; i++) {
        cleanup_free char *text = xasprintf("%d\n", i);
        commit_readme(fixture, i);
        check_pull(&config, "README", text);
    }
    assert_true(count_packs(fixture, &smallest) < 10);
}

static void test_gitremote_keeps_nothing_of_half_a_pack(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    off_t smallest = 0;
    set_ssh(fixture, "eval \"$command\" | { dd bs=1 count=1000 2>/dev/null; kill -9 0; }");
    check_pull_fails(&config, ERROR_UNAVAILABLE, "ended without an answer");
    assert_int_equal(count_packs(fixture, &smallest), 0);
    set_ssh(fixture, "eval \"exec $command\"");
    check_pull(&config, "README", "top\n");
}

static void test_gitremote_does_not_wait_for_a_server_that_stalls(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    int64_t start_ms = clock_mono_ms(clock_system());
    set_ssh(fixture, "exec sleep 100");
    config.deadline_ms = 300;
    check_pull_fails(&config, ERROR_TIMEOUT, "time for this fetch is over");
    config.deadline_ms = 20000;
    config.idle_timeout_ms = 300;
    check_pull_fails(&config, ERROR_TIMEOUT, "no byte came");
    assert_true(clock_mono_ms(clock_system()) - start_ms < 5000);
}

static void *cancel_soon(void *arg)
{
    usleep(100 * 1000);
    cancel_request(arg);
    return NULL;
}

static void test_gitremote_is_cancelled(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    struct cancel cancel;
    pthread_t thread;
    cancel_init(&cancel);
    set_ssh(fixture, "exec sleep 100");
    config.cancel = &cancel;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
    check_pull_fails(&config, ERROR_CANCELED, "");
    pthread_join(thread, NULL);
    cancel_release(&cancel);
}

static void test_gitremote_heals_a_damaged_copy(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    check_pull(&config, "README", "top\n");
    // Bytes in the middle change: the commit may still be readable, a file is not.
    run_shell(fixture->store, "for pack in objects/pack/*.pack; do chmod 600 $pack; "
                              "size=$(stat -c %s $pack); head -c $((size - 200)) /dev/urandom | "
                              "dd of=$pack bs=1 seek=150 conv=notrunc 2>/dev/null; done");
    cleanup_gitsnapshot struct gitsnapshot *snapshot = NULL;
    cleanup_error struct error err = {0};
    char *data = NULL;
    size_t size = 0;
    if (pull(&config, "main", &snapshot, &err) == 0 &&
        tree_read(gitsnapshot_tree(snapshot), "apps/shop/1.yaml", 10000, &data, &size, &err) == 0)
        fail_msg("a damaged file was read");
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    gitsnapshot_free(STEAL(snapshot));
    check_pull(&config, "README", "top\n");
    run_shell(fixture->store, "rm -f objects/pack/*.idx");
    check_pull(&config, "README", "top\n");
    write_text(fixture->store, "state.json", "{\"url\":", 0600);
    check_pull(&config, "README", "top\n");
}

static void test_gitremote_starts_over_when_an_addition_does_not_fit(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    check_pull(&config, "README", "top\n");
    // The objects that deltas of the next pack build on are gone, though the commit is there.
    run_shell(fixture->store, "git init -q --bare x; mv objects/pack/* .; "
                              "cat *.pack | git -C x unpack-objects -q; rm *.pack *.idx");
    cleanup_free char *head = commit_of(fixture, "main");
    cleanup_free char *script =
        xasprintf("git -C x tag t %s && echo %s | git -C x pack-objects -q "
                  "objects/pack/pack > /dev/null && mv x/objects/pack/pack-* "
                  "objects/pack/ && rm -rf x",
                  head, head);
    run_shell(fixture->store, script);
    run_shell(fixture->repo, "echo 401 >> apps/shop/1.yaml; git commit -q -a -m more");
    check_pull(&config, "apps/shop/9.yaml", "9\n10\n");
}

static void test_gitremote_limits_the_pack(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    config.max_pack_bytes = 1000;
    check_pull_fails(&config, ERROR_LIMIT, "larger than the limit");
}

static void test_gitremote_waits_for_room_on_the_disk(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    struct rlimit usual;
    check_pull(&config, "README", "top\n");
    run_shell(fixture->repo, "head -c 20000 /dev/urandom > big; git add big; git commit -q -m big");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    struct rlimit small = {.rlim_cur = 10000, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    check_pull_fails(&config, ERROR_UNAVAILABLE, "File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    // What was there before is still there.
    off_t smallest = 0;
    assert_int_equal(count_packs(fixture, &smallest), 1);
    check_pull(&config, "README", "top\n");
    assert_int_equal(count_packs(fixture, &smallest), 2);
}

static void test_gitremote_has_one_user_per_store(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    struct gitsnapshot *snapshot = NULL;
    assert_int_equal(pull(&config, "main", &snapshot, NULL), 0);
    check_pull_fails(&config, ERROR_CONFLICT, "in use");
    gitsnapshot_free(snapshot);
    check_pull(&config, "README", "top\n");
}

static void test_gitremote_empties_a_store_of_another_repository(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    off_t smallest = 0;
    check_pull(&config, "README", "top\n");
    run_shell(fixture->dir, "git clone -q --bare repo other.git; git -C repo rev-parse main > x");
    cleanup_free char *url = xasprintf("git@forge.test:%s/other.git", fixture->dir);
    config.url = url;
    check_pull(&config, "README", "top\n");
    assert_int_equal(count_packs(fixture, &smallest), 1);
    config.store_dir = NULL;
    check_pull(&config, "README", "top\n");
}

static void test_gitremote_tells_forward_from_rewritten(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    run_shell(fixture->repo, "echo 2 >> README; git commit -q -a -m two; git branch old; "
                             "git checkout -q -b side HEAD~1; echo 3 > c; git add c; "
                             "git commit -q -m side; git checkout -q main; "
                             "git merge -q -m merge side; git checkout -q -b forced HEAD~1; "
                             "git commit -q --amend -m other");
    static const struct {
        const char *from;
        const char *to;
        bool forward;
    } cases[] = {{"old", "main", true},      {"side", "main", true},   {"main", "old", false},
                 {"main", "side", false},    {"old", "forced", false}, {"main", "main", true},
                 {"main~1", "forced", false}};
    for (int filter = 0; filter < 2; filter++) {
        cleanup_gitremote struct gitremote *remote = NULL;
        assert_int_equal(gitremote_open(&config, &remote, NULL), 0);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
            cleanup_free char *from = commit_of(fixture, cases[i].from);
            cleanup_free char *to = commit_of(fixture, cases[i].to);
            cleanup_error struct error err = {0};
            bool forward = !cases[i].forward;
            if (gitremote_is_forward(remote, from, to, &forward, &err) < 0)
                fail_msg("%s", error_message(&err));
            if (forward != cases[i].forward)
                fail_msg("%s to %s: %d", cases[i].from, cases[i].to, forward);
        }
        bool forward = true;
        cleanup_free char *to = commit_of(fixture, "main");
        assert_int_equal(gitremote_is_forward(remote, "1111111111111111111111111111111111111111",
                                              to, &forward, NULL),
                         0);
        assert_false(forward);
        run_shell(fixture->repo, "git config uploadpack.allowFilter false");
    }
}

static void test_gitremote_says_what_the_server_lacks(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    set_ssh(fixture, "unset GIT_PROTOCOL; eval \"exec $command\"");
    check_pull_fails(&config, ERROR_INVALID, "AcceptEnv GIT_PROTOCOL");
    run_shell(fixture->dir, "rm -rf repo; git init -q --object-format=sha256 -b main repo");
    set_ssh(fixture, "eval \"exec $command\"");
    check_pull_fails(&config, ERROR_INVALID, "sha256");
    run_shell(fixture->dir, "rm -rf repo");
    check_pull_fails(&config, ERROR_NOT_FOUND, "does not appear to be a git repository");
    config.ssh_identity = NULL;
    check_pull_fails(&config, ERROR_DENIED, "identity (a private key)");
}

static void test_gitremote_explains_what_ssh_says(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        enum error_code code;
        const char *part;
    } cases[] = {
        {"@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification "
         "failed.\r\n",
         ERROR_UNVERIFIED, "another host key"},
        {"No ED25519 host key is known for [h]:2222 and you have requested strict checking.\r\n"
         "Host key verification failed.\r\n",
         ERROR_UNVERIFIED, "ssh-keyscan -p 2222 h"},
        {"git@h: Permission denied (publickey).\r\n", ERROR_DENIED, "read-only deploy key"},
        {"Load key \"/proc/1/fd/2\": invalid format\r\ngit@h: Permission denied (publickey).\r\n",
         ERROR_INVALID, "no private key"},
        {"ssh: connect to host h port 22: Connection refused\r\n", ERROR_UNAVAILABLE,
         "Connection refused"},
        {"ssh: connect to host h port 22: Connection timed out\r\n", ERROR_TIMEOUT, "timed out"},
        {"ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease "
         "make sure you have the correct access rights\nand the repository exists.\n",
         ERROR_NOT_FOUND, "ERROR: Repository not found."},
        {"\033[31mred\n", ERROR_UNAVAILABLE, " [31mred"},
        {"", ERROR_UNAVAILABLE, "without an answer"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        assert_int_equal(gittransport_ssh_error(cases[i].said, "h", 2222, &err), -1);
        if (err.code != cases[i].code || strstr(err.message, cases[i].part) == NULL)
            fail_msg("%s: %s", error_code_name(err.code), err.message);
    }
}

static void test_gitremote_reads_ssh_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *parts; // NULL = refused
    } cases[] = {
        {"ssh://h/a/b.git", "git h 22 /a/b.git"},
        {"ssh://me@H:2222/a%20b", "me h 2222 /a b"},
        {"ssh://me@[::1]/~you/x", "me ::1 22 ~you/x"},
        {"me@h:a/b.git", "me h 22 a/b.git"},
        {"h:/a", "git h 22 /a"},
        {"ssh://-oProxyCommand=x/a", NULL},
        {"-oProxyCommand=x:a", NULL},
        {"h:-x", NULL},
        {"h:", NULL},
        {"ssh://me:secret@h/a", NULL},
        {"ssh://h/a%0ab", NULL},
        {"-me@h:a", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct ssh_address address = {0};
        cleanup_error struct error err = {0};
        assert_true(gittransport_ssh_takes(cases[i].url));
        int result = ssh_address_parse(cases[i].url, NULL, &address, &err);
        if ((result == 0) != (cases[i].parts != NULL))
            fail_msg("%s: %d", cases[i].url, result);
        if (result < 0)
            continue;
        cleanup_free char *parts =
            xasprintf("%s %s %d %s", address.user, address.host, address.port, address.path);
        assert_string_equal(parts, cases[i].parts);
        ssh_address_release(&address);
    }
    assert_false(gittransport_ssh_takes("https://h/a"));
    assert_false(gittransport_ssh_takes("/srv/a:b"));
}

static void test_gitremote_does_not_listen_for_ever(void **state)
{
    const struct git_fixture *fixture = *state;
    struct gitremote_config config = ssh_config(fixture);
    set_ssh(fixture, "exec >&-; while :; do echo busy >&2; sleep 0.05; done");
    struct gitremote *remote = NULL;
    struct gitremote_revision revision = {0};
    cleanup_error struct error err = {0};
    const struct gitremote_selector selector = {GITREMOTE_BRANCH, "main"};
    assert_int_equal(gitremote_open(&config, &remote, &err), 0);
    int64_t began = clock_mono_ms(clock_system());
    assert_int_equal(gitremote_resolve(remote, &selector, &revision, &err), -1);
    assert_true(clock_mono_ms(clock_system()) - began < 15 * 1000);
    assert_non_null(strstr(err.message, "busy"));
    gitremote_close(remote);
}

// All of it has come; its deltas are what takes a while.
static void test_gitremote_indexing_is_canceled(void **state)
{
    const struct git_fixture *fixture = *state;
    run_shell(fixture->repo, "seq 5000 > long; git add -A; git commit -q -m one; echo x >> long; "
                             "git commit -q -a -m two; git pack-objects --all --stdout -q "
                             "</dev/null > ../pack");
    cleanup_free char *path = path_join(fixture->dir, "pack");
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_gitstore struct gitstore *store = NULL;
    cleanup_gitpack struct gitpack *pack = NULL;
    struct cancel cancel;
    cleanup_error struct error err = {0};
    cancel_init(&cancel);
    assert_int_equal(file_read(path, 1024 * 1024, &data, &size, &err), 0);
    assert_int_equal(gitstore_open(fixture->store, fixture->url, &store, &err), 0);
    assert_int_equal(gitpack_begin(store, size, &cancel, &pack, &err), 0);
    assert_int_equal(gitpack_add(pack, data, size, &err), 0);
    cancel_request(&cancel);
    assert_int_equal(gitpack_commit(pack, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    cancel_release(&cancel);
}

#define test(function) cmocka_unit_test_setup_teardown(function, git_set_up, git_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_gitremote_fetches_and_then_only_what_changed),
        test(test_gitremote_asks_nothing_for_a_commit_it_has),
        test(test_gitremote_follows_rewritten_branches),
        test(test_gitremote_starts_over_before_packs_pile_up),
        test(test_gitremote_keeps_nothing_of_half_a_pack),
        test(test_gitremote_does_not_wait_for_a_server_that_stalls),
        test(test_gitremote_is_cancelled),
        test(test_gitremote_heals_a_damaged_copy),
        test(test_gitremote_starts_over_when_an_addition_does_not_fit),
        test(test_gitremote_limits_the_pack),
        test(test_gitremote_waits_for_room_on_the_disk),
        test(test_gitremote_has_one_user_per_store),
        test(test_gitremote_empties_a_store_of_another_repository),
        test(test_gitremote_tells_forward_from_rewritten),
        test(test_gitremote_says_what_the_server_lacks),
        test(test_gitremote_does_not_listen_for_ever),
        test(test_gitremote_indexing_is_canceled),
        cmocka_unit_test(test_gitremote_explains_what_ssh_says),
        cmocka_unit_test(test_gitremote_reads_ssh_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
