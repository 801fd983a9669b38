// URLs of remote bases, read as kustomize 5.8.1 reads them (api/internal/git/repospec.go): what to
// clone, which folder in it, which ref. "github.com/org/repo/dir?ref=v1",
// "https://host/repo.git//dir?ref=main&timeout=60", "git@host:org/repo", "ssh://…", "file:///…".
#ifndef RENDER_KUSTOMIZE_REMOTE_SPEC_H
#define RENDER_KUSTOMIZE_REMOTE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct remote_spec {
    char *host;         // "https://git.example.com/", "git@github.com:", "file://"
    char *repository;   // behind it: "org/repo"
    char *url;          // both: what is cloned; may hold a user or password
    char *path;         // in the repository, not normalised; "" = its root
    char *ref;          // branch, tag, or commit; "" = the server's HEAD
    int64_t timeout_ms; // 0 = none was written
    bool submodules;    // what `submodules=` says; true by default
    bool explicit_path; // ".git", "_git/" or "//" says where the repository ends
};
void remote_spec_release(struct remote_spec *spec); // may be called twice, and on zeros
#define cleanup_remote_spec __attribute__((cleanup(remote_spec_release)))

// ERROR_INVALID when the text names no repository: then kustomize takes it for a local path.
// ERROR_LIMIT above 4,096 bytes.
int remote_spec_parse(const char *text, struct remote_spec *ret_spec, struct error *err)
    __attribute__((warn_unused_result));

// Whether kustomize asks a web server for it where a file may stand: http:// and https://.
bool remote_is_file_url(const char *text);

// The text with user and password cut, and without line breaks, for messages. Owned.
char *remote_name(const char *text);

#endif
