#include "cli/create_notation.h"

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/create.h"
#include "cli/notation.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_policy.h"

#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>

// Certificates as PEM alone, whichever way they were written. Owned.
static char *certificates_text(const struct vec *certificates)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    if (bio == NULL)
        abort();
    for (size_t i = 0; i < certificates->len; i++)
        if (PEM_write_bio_X509(bio, notation_certificate(certificates, i)) != 1)
            abort();
    long size = BIO_get_mem_data(bio, &data);
    char *text = xstrndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

// A store of which something may be known already, from another flag.
static json_t *store_of(json_t *stores, const char *name, bool *ret_known)
{
    size_t index;
    json_t *store;
    *ret_known = true;
    json_array_foreach (stores, index, store)
        if (strcmp(jval_string_or(store, "name", ""), name) == 0)
            return store;
    *ret_known = false;
    store = json_object();
    jval_set_string(store, "name", name);
    json_array_append_new(stores, store);
    return store;
}

// "ca:acme=VALUE" into the store and the value. *ret_value is borrowed.
static int split(const char *option, const char *text, json_t *stores, json_t **ret_store,
                 const char **ret_value, struct error *err)
{
    const char *equals = strchr(text, '=');
    bool known = false;
    if (equals == NULL || equals == text || equals[1] == '\0')
        return error_set(err, ERROR_INVALID,
                         "--%s is TYPE:NAME=%s, like ca:acme=%s, not \"%.100s\"", option,
                         strcmp(option, "trust-store") == 0 ? "FILE" : "SECRET",
                         strcmp(option, "trust-store") == 0 ? "root.pem" : "acme-ca", text);
    cleanup_free char *name = xstrndup(text, (size_t)(equals - text));
    *ret_store = store_of(stores, name, &known);
    if (known)
        return error_set(err, ERROR_INVALID,
                         "--%s: the store %s is given twice; put its certificates into one file or "
                         "Secret",
                         option, name);
    *ret_value = equals + 1;
    return 0;
}

static int add_file(json_t *stores, const char *text, struct error *err)
{
    json_t *store = NULL;
    const char *file = NULL;
    cleanup_vec struct vec certificates = NOTATION_CHAIN;
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (split("trust-store", text, stores, &store, &file, err) < 0)
        return -1;
    if (file_read(file, NOTATION_MAX_PEM_BYTES, &data, &size, err) < 0 ||
        notation_certificates_read(data, size, file, &certificates, err) < 0)
        return error_wrap(err, "--trust-store");
    cleanup_free char *pem = certificates_text(&certificates);
    jval_set_string(store, "pem", pem);
    return 0;
}

static int add_stores(const struct cli *cli, json_t *stores, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cleanup_vec struct vec secrets = VEC_OF(const char *, NULL);
    cli_list(cli, "trust-store", &files);
    cli_list(cli, "trust-store-secret", &secrets);
    vec_foreach (const char *, text, &files)
        if (add_file(stores, *text, err) < 0)
            return -1;
    vec_foreach (const char *, text, &secrets) {
        json_t *store = NULL;
        const char *secret = NULL;
        if (split("trust-store-secret", *text, stores, &store, &secret, err) < 0)
            return -1;
        jval_set_string(store, "secretRef.name", secret);
    }
    return 0;
}

// ---- a trust policy document ----

// The only statement, or the one for what --match names.
static int choose(const struct cli *cli, const struct notation_policy *policy,
                  const struct notation_statement **ret_statement, struct error *err)
{
    cleanup_vec struct vec repositories = VEC_OF(const char *, NULL);
    cli_list(cli, "match", &repositories);
    if (policy->statements.len == 1) {
        *ret_statement = vec_at(&policy->statements, 0);
        return 0;
    }
    if (repositories.len != 1)
        return error_set(err, ERROR_INVALID,
                         "there are %zu statements; name the repository of one with --match",
                         policy->statements.len);
    return notation_policy_find(policy, *(const char **)vec_at(&repositories, 0), ret_statement,
                                err);
}

// A TrustPolicy is strict; only what revocation means is left to it.
static int check_level(const struct notation_statement *statement, struct error *err)
{
    for (int check = 0; check < NOTATION_CHECKS; check++)
        if (statement->skip ||
            (check != NOTATION_REVOCATION && statement->actions[check] != NOTATION_ENFORCE))
            return error_set(err, ERROR_INVALID,
                             "statement \"%.100s\" does not enforce %s, and a TrustPolicy always "
                             "does; make its level strict",
                             statement->name, notation_check_name((enum notation_check)check));
    return 0;
}

static int add_document_stores(const struct notation_statement *statement, const char *folder,
                               json_t *stores, struct error *err)
{
    vec_foreach (char *, name, &statement->stores) {
        bool known = false;
        json_t *store = store_of(stores, *name, &known);
        cleanup_vec struct vec certificates = NOTATION_CHAIN;
        if (known)
            continue;
        if (notation_store_read(folder, *name, &certificates, err) < 0)
            return -1;
        cleanup_free char *pem = certificates_text(&certificates);
        jval_set_string(store, "pem", pem);
    }
    return 0;
}

static void set_list(json_t *notation, const char *name, const struct vec *values)
{
    json_t *list = json_array();
    vec_foreach (const char *, value, values)
        json_array_append_new(list, json_string(*value));
    if (json_array_size(list) > 0)
        jval_set(notation, name, list);
    else
        json_decref(list);
}

static int add_document(const struct cli *cli, const char *document, json_t *notation,
                        json_t *stores, struct error *err)
{
    static const char *const words[] = {
        [NOTATION_ENFORCE] = "enforce", [NOTATION_LOG] = "log", [NOTATION_SKIP] = "skip"};
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_free char *data = NULL;
    cleanup_free char *folder = notation_default_store(document);
    const struct notation_statement *statement = NULL;
    size_t size = 0;
    if (file_read(document, NOTATION_MAX_POLICY_BYTES, &data, &size, err) < 0 ||
        notation_policy_parse(data, size, document, &policy, err) < 0 ||
        choose(cli, &policy, &statement, err) < 0 || check_level(statement, err) < 0 ||
        add_document_stores(statement, folder, stores, err) < 0)
        return error_wrap(err, "--notation-policy");
    set_list(notation, "trustedIdentities", &statement->identities);
    if (statement->stamp_after_expiry)
        jval_set_string(notation, "verifyTimestamp", "afterCertExpiry");
    if (statement->actions[NOTATION_REVOCATION] != NOTATION_ENFORCE)
        jval_set_string(notation, "revocation", words[statement->actions[NOTATION_REVOCATION]]);
    return 0;
}

int create_notation(const struct cli *cli, json_t **ret_notation, struct error *err)
{
    const char *document = cli_string(cli, "notation-policy");
    cleanup_json json_t *notation = json_object();
    cleanup_json json_t *stores = json_array();
    cleanup_vec struct vec identities = VEC_OF(const char *, NULL);
    if (add_stores(cli, stores, err) < 0 ||
        (document != NULL && add_document(cli, document, notation, stores, err) < 0))
        return -1;
    cli_list(cli, "trusted-identity", &identities);
    if (identities.len > 0)
        set_list(notation, "trustedIdentities", &identities);
    create_set(cli, notation, "verifyTimestamp", "verify-timestamp");
    create_set(cli, notation, "revocation", "revocation");
    create_set(cli, notation, "crls.secretRef.name", "crls-secret");
    if (json_array_size(stores) > 0)
        json_object_set(notation, "trustStores", stores);
    if (json_object_size(notation) > 0)
        *ret_notation = STEAL(notation);
    return 0;
}
