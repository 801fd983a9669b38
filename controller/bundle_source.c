// The Git side of a Bundle: credentials from its Secret, the commit its ref points to, and that
// commit's files.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/url.h"
#include "controller/local.h"
#include "render/git/gittransport.h"

#include <stdlib.h>
#include <string.h>

// One folder per Bundle, so that no two flows share a local copy. `key` is "namespace/name".
static char *store_dir_of(const struct role *role, const char *key)
{
    struct digest digest = digest_of(key, strlen(key));
    return xasprintf("%s/%.24s", role->git_dir, digest_hex(digest.text));
}

void bundle_source_forget(const struct role *role, const char *key)
{
    cleanup_free char *dir = store_dir_of(role, key);
    cleanup_free char *inputs = xasprintf("%s.inputs", dir); // see open_inputs
    cleanup_error struct error err = {0};
    if (file_remove_tree(dir, &err) < 0 || file_remove_tree(inputs, &err) < 0)
        log_warn("the local copies of a Bundle that is gone stay", "kind", "Bundle", "name", key,
                 "error", error_message(&err));
}

static bool has_any(const struct secret_data *secret)
{
    static const char *const keys[] = {"username",    "password", "bearerToken", "identity",
                                       "known_hosts", "ca.crt",   "tls.crt",     "tls.key"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        if (secret_data_get(secret, keys[i], NULL) != NULL)
            return true;
    }
    return false;
}

static int read_secret(struct bundle_flow *flow, struct gitremote_config *config, struct error *err)
{
    const char *name = object_spec_string(flow->object, "source.git.secretRef.name");
    const struct secret_use use = {flow->object, "spec.source.git.secretRef",
                                   gittransport_ssh_takes(config->url) ? SECRET_GIT_SSH
                                                                       : SECRET_GIT_LOGIN};
    if (name == NULL)
        return 0;
    flow->reason = "SecretNotUsable";
    if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), name,
                         &flow->git_secret, err) < 0)
        return -1;
    if (!has_any(flow->git_secret))
        return secret_use_refuse(&use, object_namespace(flow->object), name, NULL, err);
    const struct secret_data *secret = flow->git_secret;
    config->username = secret_data_text(secret, "username");
    config->password = secret_data_text(secret, "password");
    config->bearer_token = secret_data_text(secret, "bearerToken");
    config->ssh_identity = secret_data_text(secret, "identity");
    config->ssh_known_hosts = secret_data_text(secret, "known_hosts");
    flow->git_tls = (struct http_tls){.ca_pem = secret_data_text(secret, "ca.crt"),
                                      .cert_pem = secret_data_text(secret, "tls.crt"),
                                      .key_pem = secret_data_text(secret, "tls.key")};
    config->tls = &flow->git_tls;
    return 0;
}

int bundle_source_open(struct bundle_flow *flow, struct error *err)
{
    cleanup_free char *key =
        xasprintf("%s/%s", object_namespace(flow->object), object_name(flow->object));
    flow->git_dir = store_dir_of(flow->role, key);
    flow->git_config = (struct gitremote_config){
        .url = object_spec_string(flow->object, "source.git.url"),
        .store_dir = flow->git_dir,
        .max_pack_bytes = flow->role->max_repository_bytes,
        .client = flow->client,
        .reach = flow->role->reach,
        .cancel = flow->cancel,
        .deadline_ms = flow->deadline_mono_ms - clock_mono_ms(clock_system()),
    };
    flow->reason = "LocalPathRefused";
    if (local_check_url(flow->role, flow->git_config.url, err) < 0)
        return error_wrap(err, "spec.source.git.url");
    if (read_secret(flow, &flow->git_config, err) < 0)
        return -1;
    flow->reason = "GitFailed";
    return gitremote_open(&flow->git_config, &flow->remote, err);
}

static struct gitremote_selector selector_of(const json_t *bundle)
{
    static const struct {
        const char *path;
        enum gitremote_select kind;
    } choices[] = {{"source.git.ref.commit", GITREMOTE_COMMIT},
                   {"source.git.ref.semver", GITREMOTE_SEMVER},
                   {"source.git.ref.tag", GITREMOTE_TAG},
                   {"source.git.ref.branch", GITREMOTE_BRANCH}};
    for (size_t i = 0; i < ARRAY_LENGTH(choices); i++) {
        const char *value = object_spec_string(bundle, choices[i].path);
        if (value != NULL)
            return (struct gitremote_selector){.kind = choices[i].kind, .value = value};
    }
    return (struct gitremote_selector){.kind = GITREMOTE_BRANCH, .value = "main"};
}

int bundle_source_resolve(struct bundle_flow *flow, struct error *err)
{
    const struct gitremote_selector selector = selector_of(flow->object);
    flow->reason = "GitFailed";
    if (gitremote_resolve(flow->remote, &selector, &flow->revision, err) < 0)
        return -1;
    flow->git_revision = *flow->revision.name != '\0'
                             ? xasprintf("%s@sha1:%s", flow->revision.name, flow->revision.commit)
                             : xasprintf("sha1:%s", flow->revision.commit);
    return 0;
}

// Somebody accepted this very commit, and that was not used before: it works once. Owned; NULL when
// nobody did.
static char *acceptance_of(const struct bundle_flow *flow)
{
    const char *accepted = object_annotation(flow->object, ANNOTATION_ACCEPT_HISTORY);
    const char *requested = object_annotation(flow->object, ANNOTATION_REQUESTED_AT);
    if (accepted == NULL || strcmp(accepted, flow->revision.commit) != 0)
        return NULL;
    cleanup_free char *acceptance =
        xasprintf("%s %s", accepted, requested != NULL ? requested : "");
    if (strcmp(jval_string_or(flow->status, "source.acceptedHistory", ""), acceptance) == 0)
        return NULL;
    return STEAL(acceptance);
}

// FastForward: a branch may only grow. What the server cannot show is treated like a force-push,
// because it would look the same. Tags, ranges and commits are choices of their own: they have no
// history to keep.
int bundle_source_history(struct bundle_flow *flow, struct error *err)
{
    const char *known = jval_string(flow->status, "source.commit");
    const char *known_ref = jval_string(flow->status, "source.ref");
    const char *history = object_spec_string(flow->object, "source.git.history");
    bool applies = known != NULL && known_ref != NULL &&
                   strcmp(known_ref, flow->revision.ref) == 0 &&
                   strncmp(flow->revision.ref, "refs/heads/", 11) == 0 &&
                   strcmp(known, flow->revision.commit) != 0 &&
                   (history == NULL || strcmp(history, "FastForward") == 0);
    if (!applies)
        return 0;
    flow->acceptance = acceptance_of(flow);
    if (flow->acceptance != NULL)
        return 0;
    bool forward = false;
    flow->reason = "GitFailed";
    if (gitremote_is_forward(flow->remote, known, flow->revision.commit, &forward, err) < 0)
        return -1;
    if (forward)
        return 0;
    flow->reason = "HistoryRewritten";
    return error_set(err, ERROR_UNVERIFIED,
                     "%s went from %.12s to %.12s, which does not have it in its history; if that "
                     "force-push is right, "
                     "say so: sealift reconcile bundle %s -n %s --accept-history %s",
                     flow->revision.name, known, flow->revision.commit, object_name(flow->object),
                     object_namespace(flow->object), flow->revision.commit);
}

int bundle_source_fetch(struct bundle_flow *flow, struct error *err)
{
    flow->reason = "GitFailed";
    return gitremote_fetch(flow->remote, &flow->revision, &flow->snapshot, err);
}

void bundle_source_release(struct bundle_flow *flow)
{
    bundle_inputs_free(flow->inputs);
    gitsnapshot_free(flow->snapshot);
    gitremote_close(flow->remote);
    gitremote_revision_release(&flow->revision);
    secret_data_free(flow->git_secret);
    free(flow->git_revision);
    free(flow->git_dir);
    free(flow->acceptance);
    flow->inputs = NULL;
    flow->snapshot = NULL;
    flow->remote = NULL;
    flow->git_secret = NULL;
    flow->git_revision = NULL;
    flow->git_dir = NULL;
    flow->acceptance = NULL;
}
