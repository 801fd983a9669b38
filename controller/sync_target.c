// The target of a Sync, as its spec has it now: a directory, the cluster that the controller runs
// in, or another one by the kubeconfig in a Secret. Targets are made on the loop and Secrets are
// read by workers, so another cluster takes two steps: a flow reads and ends, the loop makes the
// target, and the next flow uses it.
#include "controller/sync_internal.h"

#include <stdlib.h>
#include <string.h>

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/kube_member.h"
#include "controller/local.h"
#include "controller/target_kube.h"

static const char default_account[] = "sealift";

static enum directory_layout layout_of(const char *name)
{
    if (strcmp(name, "OneFile") == 0)
        return DIRECTORY_ONE_FILE;
    return strcmp(name, "Pods") == 0 ? DIRECTORY_PODS : DIRECTORY_TREE;
}

static const char *kube_config_secret(const json_t *object)
{
    return object_spec_string(object, "target.kubeConfig.secretRef.name");
}

// What a target is made from; owned.
static char *spec_of_target(const json_t *object)
{
    static const char *const fields[] = {
        "target", "targetNamespace", "allowNamespaces", "serviceAccountName", "force", "wait"};
    cleanup_json json_t *spec = json_object();
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const json_t *value = object_spec(object, fields[i]);
        if (value != NULL)
            json_object_set_new(spec, fields[i], jval_ref(value));
    }
    return jval_canonical(spec);
}

static void drop_target(struct sync_memory *memory)
{
    target_free(memory->target);
    memory->target = NULL;
    memory->applied = false;
    free(STEAL(memory->runs));
    memory->watching = false;
    error_release(&memory->target_error);
}

static void make_directory(struct sync_memory *memory, const struct role *role,
                           const json_t *object)
{
    const json_t *spec = object_spec(object, "target.directory");
    // The error is told by the flow that needs the target.
    const char *path = jval_string_or(spec, "path", "");
    if (local_check_path(role, path, &memory->target_error) < 0 ||
        target_directory_new(role->loop, memory->key, path,
                             layout_of(jval_string_or(spec, "layout", "Tree")), &memory->target,
                             &memory->target_error) < 0)
        memory->target = NULL;
    else
        target_directory_keep_out(memory->target, role->own_dirs);
}

static void make_cluster(struct sync_memory *memory, const struct role *role, const json_t *object,
                         struct cluster *cluster)
{
    bool own = cluster == role->cluster;
    const char *account = object_spec_string(object, "serviceAccountName");
    const char *fallback = role->default_account != NULL ? role->default_account : default_account;
    const char *slash = account == NULL && own ? strchr(fallback, '/') : NULL;
    cleanup_free char *elsewhere =
        slash != NULL ? xstrndup(fallback, (size_t)(slash - fallback)) : NULL;
    // On another cluster its kubeconfig already says who we are.
    if (account == NULL && own)
        account = slash != NULL ? slash + 1 : fallback;
    const char *force = object_spec_string(object, "force");
    const struct target_kube_options options = {
        .ns = object_namespace(object),
        .name = object_name(object),
        .target_namespace = object_spec_string(object, "targetNamespace"),
        .allow_namespaces = object_spec(object, "allowNamespaces"),
        .account_namespace = elsewhere != NULL ? elsewhere : object_namespace(object),
        .account = account,
        .kinds = object_annotation(object, APPLYSET_KINDS),
        .recreate = force != NULL && strcmp(force, "Recreate") == 0,
        .waits = jval_bool(object_spec(object, ""), "wait", false),
    };
    memory->target = target_kube_new(cluster, &options);
}

void sync_target_ensure(struct sync_memory *memory, const struct role *role, const json_t *object)
{
    cleanup_free char *wanted = spec_of_target(object);
    // What was refused may be fine by now: a mount that went, another Sync that left.
    bool same = memory->target_spec != NULL && strcmp(memory->target_spec, wanted) == 0;
    if (same && (memory->target != NULL || kube_config_secret(object) != NULL))
        return;
    // A new one when the spec moved; the old place is left as it is, because what was put there may
    // be in use: deleting is the job of whoever moved it.
    drop_target(memory);
    free(memory->target_spec);
    free(STEAL(memory->kube_config_version));
    memory->target_spec = STEAL(wanted);
    bool in_directory = object_spec(object, "target.directory") != NULL;
    // What an invalid Sync applied to a cluster still goes with it: a label tells what that is. In
    // a directory the spec tells.
    bool usable =
        object_problem(object) != OBJECT_INVALID || (object_is_deleting(object) && !in_directory);
    if (!usable || kube_config_secret(object) != NULL)
        return;
    if (in_directory)
        make_directory(memory, role, object);
    else if (role->cluster != NULL)
        make_cluster(memory, role, object, role->cluster);
    else
        error_set(&memory->target_error, ERROR_INVALID,
                  "the Sync names no target, and this controller runs in no cluster; write "
                  "target.directory or target.kubeConfig");
}

void sync_target_adopt(struct sync_memory *memory, const struct role *role, const json_t *object)
{
    if (!memory->has_kube_config)
        return;
    struct cluster *cluster = NULL;
    cleanup_free char *set =
        applyset_id(object_name(object), object_namespace(object), "Sync", "sealift.dev");
    cleanup_free char *selector = xasprintf("%s=%s", APPLYSET_PART_OF, set);
    drop_target(memory);
    memory->has_kube_config = false;
    memory->kube_config_bad = true;
    if (cluster_open(role->loop, &memory->kube_config, role->reach, selector, &cluster,
                     &memory->target_error) == 0) {
        make_cluster(memory, role, object, cluster);
        cluster_unref(cluster);
        memory->kube_config_bad = false;
    }
    kube_config_release(&memory->kube_config);
}

// ---- the worker's part ----

static struct secret_use use_of(const struct sync_flow *flow)
{
    return (struct secret_use){flow->object, "spec.target.kubeConfig.secretRef", SECRET_KUBECONFIG};
}

static int read_kube_config(struct sync_flow *flow, const char *name,
                            const struct secret_data *secret, struct kube_config *ret_config,
                            struct error *err)
{
    static const char *const keys[] = {"value", "kubeconfig", "value.yaml"};
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        const char *text = secret_data_get(secret, keys[i], &size);
        if (text == NULL)
            continue;
        cleanup_free char *place =
            xasprintf("Secret %s/%s, key %s", object_namespace(flow->object), name, keys[i]);
        return kube_config_from_secret(text, size, place, ret_config, err);
    }
    const struct secret_use use = use_of(flow);
    return secret_use_refuse(&use, object_namespace(flow->object), name, NULL, err);
}

void sync_target_read(struct sync_flow *flow, bool *ret_later)
{
    struct sync_memory *memory = flow->memory;
    const char *name = kube_config_secret(flow->object);
    cleanup_secret_data struct secret_data *secret = NULL;
    cleanup_error struct error err = {0};
    *ret_later = false;
    if (name == NULL)
        return;
    // While it cannot be read, a target that was made from it goes on.
    const struct secret_use use = use_of(flow);
    if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), name, &secret,
                         &err) < 0) {
        error_move(&memory->target_error, &err);
        memory->kube_config_bad = false;
        return;
    }
    const char *version = secret_data_version(secret);
    bool same =
        memory->kube_config_version != NULL && strcmp(memory->kube_config_version, version) == 0;
    if (same && (memory->target != NULL || memory->kube_config_bad))
        return;
    free(memory->kube_config_version);
    memory->kube_config_version = xstrdup(version);
    struct kube_config config = {0};
    memory->kube_config_bad = read_kube_config(flow, name, secret, &config, &err) < 0;
    if (memory->kube_config_bad) {
        error_move(&memory->target_error, &err);
        return;
    }
    kube_config_release(&memory->kube_config);
    memory->kube_config = config;
    memory->has_kube_config = true;
    memory->needs_target = true;
    *ret_later = true;
}
