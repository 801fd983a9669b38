// For tests of render/git: a folder with a repository made by git itself, and a stand-in for ssh
// that runs git-upload-pack on this host, well or badly.
#ifndef TESTS_UNIT_GIT_FIXTURE_H
#define TESTS_UNIT_GIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "render/git/gitlib.h"
#include "render/git/gitremote.h"

struct git_fixture {
    char *dir;
    char *repo;  // dir/repo
    char *store; // dir/store
    char *url;   // ssh URL of repo
};

static inline void run_shell(const char *dir, const char *script)
{
    cleanup_free char *command = xasprintf("cd '%s' && %s", dir, script);
    char arg0[] = "sh";
    char arg1[] = "-ec";
    char *argv[] = {arg0, arg1, command, NULL};
    pid_t pid = 0;
    int status = 0;
    assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("exit %d: %s", WEXITSTATUS(status), script);
}

static inline void write_text(const char *dir, const char *name, const char *text, mode_t mode)
{
    cleanup_free char *path = path_join(dir, name);
    assert_int_equal(file_write_swap(path, text, strlen(text), mode, NULL), 0);
}

// A trimmed file of the fixture's folder; owned.
static inline char *read_line(const struct git_fixture *fixture, const char *name)
{
    cleanup_free char *path = path_join(fixture->dir, name);
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 10000, &text, &size, NULL), 0);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

// The commit that a name means; owned.
static inline char *commit_of(const struct git_fixture *fixture, const char *name)
{
    cleanup_free char *script = xasprintf("git rev-parse '%s^{commit}' > ../commit", name);
    run_shell(fixture->repo, script);
    return read_line(fixture, "commit");
}

// `script` gets the remote command as $command.
static inline void set_ssh(const struct git_fixture *fixture, const char *script)
{
    cleanup_free char *text = xasprintf("#!/bin/sh\n"
                                        "printf '%%s\\n' \"$*\" >> '%s/ssh.log'\n"
                                        "for command; do :; done\n%s\n",
                                        fixture->dir, script);
    write_text(fixture->dir, "bin/ssh", text, 0755);
}

static inline int git_set_up(void **state)
{
    struct git_fixture *fixture = xcalloc(1, sizeof *fixture);
    cleanup_error struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(gitlib_setup(&err), 0);
    assert_int_equal(file_make_temp_dir("git-test-", &fixture->dir, &err), 0);
    fixture->repo = path_join(fixture->dir, "repo");
    fixture->store = path_join(fixture->dir, "store");
    fixture->url = xasprintf("ssh://git@forge.test%s", fixture->repo);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    static const char *const who[] = {"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"};
    static const char *const mail[] = {"GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"};
    for (size_t i = 0; i < 2; i++) {
        setenv(who[i], "Ada", 1);
        setenv(mail[i], "ada@example.com", 1);
    }
    cleanup_free char *path = xasprintf("%s/bin:%s", fixture->dir, getenv("PATH"));
    setenv("PATH", path, 1);
    run_shell(fixture->dir, "mkdir bin && git init -q -b main repo");
    run_shell(fixture->repo, "git config uploadpack.allowFilter true; mkdir -p apps/shop; "
                             "for i in 1 2 3 4 5 6 7 8 9; do seq $i 400 > apps/shop/$i.yaml; done; "
                             "ln -s shop/1.yaml apps/link; echo top > README; git add -A; "
                             "git commit -q -m 'First commit' -m 'Its body'; git tag v1.0.0; "
                             "git tag -a -m two v1.2.0; git tag v2.0.0-rc.1; git tag nightly");
    set_ssh(fixture, "eval \"exec $command\"");
    *state = fixture;
    return 0;
}

static inline int git_tear_down(void **state)
{
    struct git_fixture *fixture = *state;
    const char *path = getenv("PATH");
    cleanup_free char *rest = xstrdup(path + strlen(fixture->dir) + strlen("/bin:"));
    setenv("PATH", rest, 1);
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    free(fixture->dir);
    free(fixture->repo);
    free(fixture->store);
    free(fixture->url);
    free(fixture);
    gitlib_teardown();
    return 0;
}

static inline struct gitremote_config ssh_config(const struct git_fixture *fixture)
{
    return (struct gitremote_config){.url = fixture->url,
                                     .store_dir = fixture->store,
                                     .ssh_identity = "the key",
                                     .ssh_known_hosts = "the hosts",
                                     .deadline_ms = 20000};
}

#endif
