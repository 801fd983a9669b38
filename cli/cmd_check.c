// check: everything that can be told about a configuration without a server: files that do not
// parse, specs that break a rule, references that lead nowhere, Syncs that nothing governs.
#include "api/kind.h"
#include "api/store_files.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "receiver/route.h"
#include "render/git/gittransport.h"

#include <stdio.h>
#include <string.h>

struct checking {
    const struct cli *cli;
    struct store *store;
    json_t *problems; // sentences
    json_t *names;    // of the objects that have some, each once
    json_t *unseen;   // "shop/web": Secrets that this account may not read, each once
    const json_t *object;
    size_t objects;
    size_t in_namespaces; // of these
};

// Of the object that is being checked; NULL while it is a file.
static void note_name(struct checking *checking)
{
    if (checking->object == NULL)
        return;
    cleanup_free char *name = print_name(checking->object);
    size_t count = json_array_size(checking->names);
    const char *last = json_string_value(json_array_get(checking->names, count - 1));
    if (count == 0 || strcmp(last, name) != 0)
        json_array_append_new(checking->names, json_string(name));
}

static bool is_listed(const struct cli *cli)
{
    return *print_format(cli) == '\0' || strcmp(print_format(cli), "wide") == 0;
}

static void problem(struct checking *checking, const char *text)
{
    json_array_append_new(checking->problems, json_string(text));
    note_name(checking);
    if (!is_listed(checking->cli))
        return;
    print_visible(text);
    putchar('\n');
}

// Whoever checks need not be allowed to read Secrets, as with the ClusterRole view.
static void note_unseen(struct checking *checking, const char *namespace, const char *name)
{
    cleanup_free char *text = xasprintf("%s/%s", namespace, name);
    size_t index;
    json_t *known;
    json_array_foreach (checking->unseen, index, known) {
        if (strcmp(json_string_value(known), text) == 0)
            return;
    }
    json_array_append_new(checking->unseen, json_string(text));
}

static void tell_unseen(const struct checking *checking)
{
    enum { MOST = 5, MAX_BYTES = 4096 };
    size_t count = json_array_size(checking->unseen);
    cleanup_strbuf struct strbuf names;
    strbuf_init(&names, MAX_BYTES);
    for (size_t i = 0; i < count && i < MOST; i++)
        strbuf_addf(&names, "%s%s", i > 0 ? ", " : "",
                    json_string_value(json_array_get(checking->unseen, i)));
    if (count > MOST)
        strbuf_addf(&names, " and %zu more", count - MOST);
    if (count > 0)
        tell_warning(checking->cli,
                     "not checked, because you may not read %s: Secret%s %s; somebody who may read "
                     "Secrets there can run this again",
                     count == 1 ? "it" : "them", tell_s(count), names.data);
}

// `keys` end in NULL: each of them has to be there.
static void check_secret(struct checking *checking, const struct secret_use *use, const char *name,
                         const char *const *keys)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    cleanup_error struct error cause = {0};
    if (name == NULL)
        return;
    const char *namespace = *object_namespace(use->object) != '\0'
                                ? object_namespace(use->object)
                                : workspace_system_namespace(checking->cli);
    if (store_secret_for(checking->store, use, namespace, name, &secret, &cause) < 0 &&
        cause.code == ERROR_DENIED) {
        note_unseen(checking, namespace, name);
        return;
    }
    if (cause.code != ERROR_NONE) {
        problem(checking, error_message(&cause));
        return;
    }
    for (; *keys != NULL; keys++) {
        cleanup_error struct error lack = {0};
        if (secret_data_get(secret, *keys, NULL) != NULL)
            continue;
        secret_use_refuse(use, namespace, name, *keys, &lack);
        problem(checking, error_message(&lack));
    }
}

static void check_keys(struct checking *checking, const json_t *object, const char *field,
                       const json_t *keys)
{
    static const char *const wanted[] = {"cosign.pub", NULL};
    const struct secret_use use = {object, field, SECRET_PUBLIC_KEY};
    size_t index;
    json_t *key;
    json_array_foreach (keys, index, key)
        check_secret(checking, &use, jval_string(key, "secretRef.name"), wanted);
}

static const char *const any[] = {NULL};

// How to reach the registry: login and TLS, which may be absent.
static void check_artifact(struct checking *checking, const json_t *object)
{
    static const char *const proxy[] = {"address", NULL};
    const struct secret_use login = {object, "spec.artifact.secretRef", SECRET_REGISTRY_LOGIN};
    const struct secret_use tls = {object, "spec.artifact.certSecretRef", SECRET_CERTIFICATES};
    const struct secret_use way = {object, "spec.artifact.proxySecretRef", SECRET_PROXY};
    check_secret(checking, &login, object_spec_string(object, "artifact.secretRef.name"), any);
    check_secret(checking, &tls, object_spec_string(object, "artifact.certSecretRef.name"), any);
    check_secret(checking, &way, object_spec_string(object, "artifact.proxySecretRef.name"), proxy);
}

static void check_signing(struct checking *checking, const json_t *object)
{
    static const char *const signing[] = {"cosign.key", NULL};
    static const char *const chain[] = {"tls.crt", NULL};
    static const char *const pin[] = {"pkcs11.pin", NULL};
    bool token = object_spec_string(object, "sign.pkcs11") != NULL;
    const struct secret_use key = {object, "spec.sign.secretRef",
                                   token ? SECRET_PIN : SECRET_SIGNING_KEY};
    const struct secret_use notation = {object, "spec.sign.notation.secretRef", SECRET_NOTATION};
    check_secret(checking, &key, object_spec_string(object, "sign.secretRef.name"),
                 token ? pin : signing);
    check_secret(checking, &notation, object_spec_string(object, "sign.notation.secretRef.name"),
                 chain);
}

static void check_bundle(struct checking *checking, const json_t *object)
{
    static const char *const token[] = {"token", NULL};
    const char *url = object_spec_string(object, "source.git.url");
    const struct secret_use git = {object, "spec.source.git.secretRef",
                                   url != NULL && gittransport_ssh_takes(url) ? SECRET_GIT_SSH
                                                                              : SECRET_GIT_LOGIN};
    const struct secret_use notify = {object, "spec.notify[].secretRef", SECRET_NOTIFY_TOKEN};
    size_t index;
    json_t *notified;
    check_signing(checking, object);
    check_secret(checking, &git, object_spec_string(object, "source.git.secretRef.name"), any);
    check_artifact(checking, object);
    check_keys(checking, object, "spec.rollback.keys[].secretRef",
               jval_array(object_spec(object, "rollback"), "keys"));
    json_array_foreach (object_spec(object, "notify"), index, notified)
        check_secret(checking, &notify, jval_string(notified, "secretRef.name"), token);
}

static void check_sync(struct checking *checking, const json_t *object)
{
    const struct secret_use cluster = {object, "spec.target.kubeConfig.secretRef",
                                       SECRET_KUBECONFIG};
    const char *bundle = object_spec_string(object, "bundleRef.name");
    const char *namespace = object_bundle_namespace(object);
    cleanup_json json_t *found = NULL;
    cleanup_json json_t *policies = NULL;
    cleanup_error struct error cause = {0};
    cleanup_free char *who = object_text(object);
    check_keys(checking, object, "spec.verify.keys[].secretRef",
               jval_array(object_spec(object, "verify"), "keys"));
    check_artifact(checking, object);
    check_secret(checking, &cluster, object_spec_string(object, "target.kubeConfig.secretRef.name"),
                 any);
    if (bundle != NULL &&
        store_get(checking->store, "Bundle", namespace, bundle, &found, &cause) < 0 &&
        cause.code == ERROR_NOT_FOUND) {
        cleanup_free char *text =
            xasprintf("%s: spec.bundleRef: there is no Bundle %s/%s", who, namespace, bundle);
        problem(checking, text);
    }
    bool has_keys = json_array_size(jval_array(object_spec(object, "verify"), "keys")) > 0;
    if (!has_keys && store_list(checking->store, "TrustPolicy", NULL, &policies, NULL) == 0 &&
        json_array_size(policies) == 0) {
        cleanup_free char *text = xasprintf(
            "%s: no TrustPolicy exists and spec.verify names no key: it will be refused", who);
        problem(checking, text);
    }
}

// The receiver takes no deliveries under a token that could be guessed.
static void check_token(struct checking *checking, const json_t *object)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    const char *name = object_spec_string(object, "secretRef.name");
    size_t size = 0;
    if (name == NULL ||
        store_secret(checking->store, object_namespace(object), name, &secret, NULL) < 0 ||
        secret_data_get(secret, "token", &size) == NULL || size >= HOOK_TOKEN_MIN_BYTES)
        return;
    cleanup_free char *who = object_text(object);
    cleanup_free char *text =
        xasprintf("%s: the token in the Secret %s/%s has %zu bytes, and at least %d are needed; "
                  "`openssl rand -hex 32` makes one",
                  who, object_namespace(object), name, size, HOOK_TOKEN_MIN_BYTES);
    problem(checking, text);
}

static void check_hook(struct checking *checking, const json_t *object)
{
    static const char *const token[] = {"token", NULL};
    size_t index;
    json_t *resource;
    const struct secret_use use = {object, "spec.secretRef", SECRET_HOOK_TOKEN};
    check_secret(checking, &use, object_spec_string(object, "secretRef.name"), token);
    check_token(checking, object);
    json_array_foreach (object_spec(object, "resources"), index, resource) {
        cleanup_json json_t *found = NULL;
        cleanup_error struct error cause = {0};
        const char *kind = jval_string_or(resource, "kind", "");
        const char *name = jval_string_or(resource, "name", "");
        if (store_get(checking->store, kind, object_namespace(object), name, &found, &cause) == 0 ||
            cause.code != ERROR_NOT_FOUND)
            continue;
        cleanup_free char *text = xasprintf("Hook %s/%s: spec.resources[%zu]: there is no %s %s/%s",
                                            object_namespace(object), object_name(object), index,
                                            kind, object_namespace(object), name);
        problem(checking, text);
    }
}

static void check_policy(struct checking *checking, const json_t *object)
{
    static const char *const root[] = {"trusted_root.json", NULL};
    const struct secret_use use = {object, "spec.trustedRoot.secretRef", SECRET_TRUSTED_ROOT};
    size_t index;
    json_t *entry;
    json_array_foreach (object_spec(object, "require"), index, entry)
        check_keys(checking, object, "spec.require[].keys[].secretRef", jval_array(entry, "keys"));
    json_array_foreach (object_spec(object, "attestations"), index, entry)
        check_keys(checking, object, "spec.attestations[].keys[].secretRef",
                   jval_array(entry, "keys"));
    check_secret(checking, &use, object_spec_string(object, "trustedRoot.secretRef.name"), root);
}

static int check_kind(struct checking *checking, struct listing *listing, const char *kind,
                      void (*check)(struct checking *checking, const json_t *object),
                      struct error *err)
{
    cleanup_json json_t *all = NULL;
    size_t index;
    json_t *object;
    if (listing_add(listing, kind_find(kind), workspace_namespaces(checking->cli), &all, err) < 0)
        return -1;
    json_array_foreach (all, index, object) {
        checking->objects++;
        checking->in_namespaces += *object_namespace(object) != '\0';
        checking->object = object;
        if (object_problem(object) != OBJECT_FINE)
            problem(checking, object_problem_message(object));
        else
            check(checking, object);
    }
    checking->object = NULL;
    return 0;
}

static int check_kinds(struct checking *checking, struct error *err)
{
    cleanup_listing struct listing listing;
    listing_init(&listing, checking->cli, checking->store);
    if (check_kind(checking, &listing, "Bundle", check_bundle, err) < 0 ||
        check_kind(checking, &listing, "Sync", check_sync, err) < 0 ||
        check_kind(checking, &listing, "Hook", check_hook, err) < 0 ||
        check_kind(checking, &listing, "TrustPolicy", check_policy, err) < 0)
        return -1;
    return listing_finish(&listing, err);
}

static int print_report(const struct checking *checking, struct error *err)
{
    cleanup_json json_t *report = json_object();
    if (is_listed(checking->cli))
        return 0;
    jval_set_int(report, "objects", (int64_t)checking->objects);
    jval_set(report, "problems", json_incref(checking->problems));
    return print_answer(checking->cli, report, checking->names, err);
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    cleanup_json json_t *problems = json_array();
    cleanup_json json_t *names = json_array();
    cleanup_json json_t *unseen = json_array();
    struct checking checking = {
        .cli = cli, .store = store, .problems = problems, .names = names, .unseen = unseen};
    cleanup_json json_t *files = workspace_on_files(cli) ? store_files_problems(store) : NULL;
    size_t index;
    json_t *text;
    json_array_foreach (files, index, text)
        problem(&checking, json_string_value(text));
    if (check_kinds(&checking, err) < 0)
        return -1;
    size_t found = json_array_size(problems);
    tell_unseen(&checking);
    if (print_report(&checking, err) < 0)
        return -1;
    if (found > 0)
        return error_set(err, ERROR_INVALID, "%zu problem%s in %zu object%s", found, tell_s(found),
                         checking.objects, tell_s(checking.objects));
    const char *namespace = workspace_namespaces(cli);
    if (checking.in_namespaces == 0)
        workspace_tell_nothing(cli, store);
    tell_done(cli, "%zu object%s%s%s, no problem", checking.objects, tell_s(checking.objects),
              namespace != NULL ? " in namespace " : "", namespace != NULL ? namespace : "");
    return 0;
}

static const struct option_spec options[] = {
    {"system-namespace", 0, OPTION_STRING, "NAME",
     "where TrustPolicies find Secrets (default: where the cluster says)", NULL},
    OUTPUT_OPTION,
    ALL_NAMESPACES_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_check = {
    .name = "check",
    .arguments = "",
    .summary = "Check a configuration before it is served",
    .help = "Files that do not parse, specs that break a rule, Secrets and objects that are "
            "missing: in files those of all namespaces\n"
            "(or of --namespace), in a cluster those of one (or all with -A), and the policies.\n"
            "Exit status 1 when anything is found; -o name prints the objects that have problems."
            "\n\n  sealift check --config ./config --state /tmp/state\n  sealift check -A\n",
    .options = options,
    .run = run,
};
