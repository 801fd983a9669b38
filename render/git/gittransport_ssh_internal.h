// Where an ssh URL leads.
#ifndef RENDER_GIT_GITTRANSPORT_SSH_INTERNAL_H
#define RENDER_GIT_GITTRANSPORT_SSH_INTERNAL_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/http_client.h"

enum { SSH_PORT = 22 };

struct ssh_address {
    char *user;
    char *host; // without brackets
    int port;
    char *path; // decoded, as git-upload-pack gets it
};

// ssh://[user@]host[:port]/path or [user@]host:path. `user` (or "git") is taken where the URL
// names none. Nothing in the result can be taken for an option by ssh, a shell or git.
// ERROR_INVALID.
int ssh_address_parse(const char *url, const char *user, struct ssh_address *ret_address,
                      struct error *err) __attribute__((warn_unused_result));
void ssh_address_release(struct ssh_address *address);

// How long to wait for name servers.
struct ssh_patience {
    int64_t deadline_mono_ms; // of clock_system()
    struct cancel *cancel;    // NULL = none
};
// Under a limited reach: an IP address of the host that is within it, owned, for ssh to connect to
// (so that the name cannot answer differently the second time). NULL under HTTP_REACH_ANY.
// ERROR_DENIED when there is none, ERROR_UNAVAILABLE when the name does not resolve,
// TIMEOUT, CANCELED.
int ssh_address_resolve(const struct ssh_address *address, enum http_reach reach,
                        const struct ssh_patience *patience, char **ret_ip, struct error *err)
    __attribute__((warn_unused_result));

#endif
