#include "oci/sign/notation_policy.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/reference.h"
#include "oci/sign/json_strict.h"

#include <stdlib.h>
#include <string.h>

static const char *const action_names[] = {
    [NOTATION_ENFORCE] = "enforce", [NOTATION_LOG] = "log", [NOTATION_SKIP] = "skip"};

// What a level does about authenticity, timestamp, expiry and revocation.
static const struct {
    const char *name;
    enum notation_action authenticity;
    enum notation_action rest;
} levels[] = {
    {"strict", NOTATION_ENFORCE, NOTATION_ENFORCE},
    {"permissive", NOTATION_ENFORCE, NOTATION_LOG},
    {"audit", NOTATION_LOG, NOTATION_LOG},
    {"skip", NOTATION_SKIP, NOTATION_SKIP},
};

static void release_statement(void *element)
{
    struct notation_statement *statement = element;
    free(statement->name);
    vec_free(&statement->scopes);
    vec_free(&statement->stores);
    vec_free(&statement->identities);
}

void notation_policy_release(struct notation_policy *policy)
{
    vec_free(&policy->statements);
}

// Texts of an array, all non-empty.
static int parse_texts(const json_t *object, const char *name, size_t max, struct vec *texts,
                       struct error *err)
{
    const json_t *array = json_object_get(object, name);
    size_t index;
    json_t *text;
    if (array != NULL && !json_is_array(array))
        return error_set(err, ERROR_INVALID, "%s is no list", name);
    if (json_array_size(array) > max)
        return error_set(err, ERROR_LIMIT, "%s has more than %zu elements", name, max);
    jval_array_foreach(array, index, text)
    {
        if (json_string_length(text) == 0)
            return error_set(err, ERROR_INVALID, "%s holds something that is no text", name);
        vec_push_string(texts, json_string_value(text));
    }
    return 0;
}

static int parse_override(const json_t *override, struct notation_statement *statement,
                          struct error *err)
{
    const char *name;
    const json_t *value;
    if (override != NULL && !json_is_object(override))
        return error_set(err, ERROR_INVALID, "override is no object");
    if (json_object_size(override) > 0 && statement->skip)
        return error_set(err, ERROR_INVALID, "level skip takes no override");
    jval_foreach (override, name, value) {
        const char *wanted = json_is_string(value) ? json_string_value(value) : "";
        unsigned which = 0;
        unsigned action = 0;
        while (which < NOTATION_CHECKS &&
               strcmp(notation_check_name((enum notation_check)which), name) != 0)
            which++;
        while (action < ARRAY_LENGTH(action_names) && strcmp(action_names[action], wanted) != 0)
            action++;
        if (which == NOTATION_CHECKS)
            return error_set(err, ERROR_INVALID,
                             "override of \"%.64s\": it can name authenticity, authenticTimestamp, "
                             "expiry and revocation",
                             name);
        if (action == ARRAY_LENGTH(action_names) ||
            (action == NOTATION_SKIP && which != NOTATION_REVOCATION))
            return error_set(err, ERROR_INVALID,
                             "override of %s: \"%.64s\" is neither enforce nor log%s", name, wanted,
                             which == NOTATION_REVOCATION ? " nor skip" : "");
        statement->actions[which] = (enum notation_action)action;
    }
    return 0;
}

static int parse_verification(const json_t *verification, struct notation_statement *statement,
                              struct error *err)
{
    static const char *const members[] = {"level", "override", "verifyTimestamp", NULL};
    const char *level = NULL;
    size_t i = 0;
    if (json_strict_members(verification, "signatureVerification", members, err) < 0 ||
        json_strict_string(verification, "level", &level, err) < 0)
        return -1;
    while (i < ARRAY_LENGTH(levels) && strcmp(levels[i].name, level) != 0)
        i++;
    if (i == ARRAY_LENGTH(levels))
        return error_set(err, ERROR_INVALID,
                         "level \"%.64s\" is none of strict, permissive, audit and skip", level);
    for (unsigned which = 0; which < NOTATION_CHECKS; which++)
        statement->actions[which] =
            which == NOTATION_AUTHENTICITY ? levels[i].authenticity : levels[i].rest;
    statement->skip = levels[i].authenticity == NOTATION_SKIP;
    const json_t *when = json_object_get(verification, "verifyTimestamp");
    const char *text = when == NULL ? "always" : json_string_value(when);
    if (text == NULL || (strcmp(text, "always") != 0 && strcmp(text, "afterCertExpiry") != 0))
        return error_set(err, ERROR_INVALID,
                         "verifyTimestamp is neither \"always\" nor \"afterCertExpiry\"");
    statement->stamp_after_expiry = strcmp(text, "always") != 0;
    return parse_override(json_object_get(verification, "override"), statement, err);
}

// Scopes become identities, so that they compare as signatures do.
static int canonical_scopes(struct notation_statement *statement, struct error *err)
{
    struct vec *scopes = &statement->scopes;
    if (scopes->len == 0)
        return error_set(err, ERROR_INVALID,
                         "registryScopes is empty; name repositories (registry.example.com/acme/"
                         "shop), or \"*\"");
    for (size_t i = 0; i < scopes->len; i++) {
        char **scope = vec_at(scopes, i);
        cleanup_oci_reference struct oci_reference reference = {0};
        if (strcmp(*scope, "*") == 0 && scopes->len == 1)
            continue;
        if (strchr(*scope, '*') != NULL || strchr(*scope, '/') == NULL ||
            strstr(*scope, "://") != NULL || oci_reference_parse(*scope, &reference, NULL) < 0 ||
            reference.tag != NULL || reference.digest != NULL)
            return error_set(err, ERROR_INVALID,
                             "registryScopes: \"%.200s\" is no repository such as "
                             "registry.example.com/acme/shop (\"*\" stands alone)",
                             *scope);
        free(*scope);
        *scope = oci_reference_identity(&reference);
    }
    return 0;
}

static int check_stores(const struct notation_statement *statement, struct error *err)
{
    if (statement->skip && statement->stores.len + statement->identities.len > 0)
        return error_set(err, ERROR_INVALID,
                         "level skip verifies nothing, so it takes neither trustStores nor "
                         "trustedIdentities");
    if (!statement->skip && (statement->stores.len == 0 || statement->identities.len == 0))
        return error_set(err, ERROR_INVALID, "it needs trustStores and trustedIdentities");
    vec_foreach (char *, text, &statement->stores) {
        enum notation_store_type type;
        const char *name;
        if (notation_store_name(*text, &type, &name, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_statement(const json_t *value, struct notation_statement *statement,
                           struct error *err)
{
    static const char *const members[] = {
        "name",        "registryScopes",    "signatureVerification",
        "trustStores", "trustedIdentities", NULL};
    const char *name = NULL;
    if (json_strict_members(value, "a statement", members, err) < 0 ||
        json_strict_string(value, "name", &name, err) < 0)
        return -1;
    statement->name = xstrdup(name);
    if (parse_texts(value, "registryScopes", NOTATION_MAX_SCOPES, &statement->scopes, err) < 0 ||
        parse_texts(value, "trustStores", NOTATION_MAX_STORES, &statement->stores, err) < 0 ||
        parse_texts(value, "trustedIdentities", NOTATION_MAX_IDENTITIES, &statement->identities,
                    err) < 0 ||
        parse_verification(json_object_get(value, "signatureVerification"), statement, err) < 0 ||
        canonical_scopes(statement, err) < 0 || check_stores(statement, err) < 0)
        return error_wrap(err, "statement \"%.100s\"", name);
    return 0;
}

static bool holds(const struct vec *texts, const char *text)
{
    vec_foreach (char *, one, texts)
        if (strcmp(*one, text) == 0)
            return true;
    return false;
}

static int check_distinct(const struct vec *statements, struct error *err)
{
    for (size_t i = 0; i < statements->len; i++) {
        const struct notation_statement *one = vec_at(statements, i);
        for (size_t j = 0; j < i; j++) {
            const struct notation_statement *other = vec_at(statements, j);
            if (strcmp(one->name, other->name) == 0)
                return error_set(err, ERROR_INVALID, "two statements are called \"%.100s\"",
                                 one->name);
            vec_foreach (char *, scope, &one->scopes)
                if (holds(&other->scopes, *scope))
                    return error_set(err, ERROR_INVALID,
                                     "the scope %.200s is in two statements, \"%.100s\" and "
                                     "\"%.100s\"",
                                     *scope, other->name, one->name);
        }
    }
    return 0;
}

static int parse_document(const json_t *root, struct vec *statements, struct error *err)
{
    static const char *const members[] = {"version", "trustPolicies", NULL};
    const char *version = NULL;
    const json_t *list = json_object_get(root, "trustPolicies");
    size_t index;
    json_t *value;
    if (json_strict_members(root, "it", members, err) < 0 ||
        json_strict_string(root, "version", &version, err) < 0)
        return -1;
    if (strcmp(version, "1.0") != 0)
        return error_set(err, ERROR_INVALID, "version \"%.32s\" is not known; 1.0 is", version);
    if (json_array_size(list) == 0 || json_array_size(list) > NOTATION_MAX_STATEMENTS)
        return error_set(err, ERROR_INVALID, "trustPolicies is no list of 1 to %d statements",
                         NOTATION_MAX_STATEMENTS);
    jval_array_foreach(list, index, value)
    {
        struct notation_statement *statement = vec_push(statements);
        statement->scopes = VEC_OF(char *, vec_release_string);
        statement->stores = VEC_OF(char *, vec_release_string);
        statement->identities = VEC_OF(char *, vec_release_string);
        if (parse_statement(value, statement, err) < 0)
            return -1;
    }
    return check_distinct(statements, err);
}

int notation_policy_parse(const char *data, size_t size, const char *what,
                          struct notation_policy *ret_policy, struct error *err)
{
    cleanup_json json_t *root = NULL;
    cleanup_notation_policy struct notation_policy policy = {
        .statements = VEC_OF(struct notation_statement, release_statement)};
    if (size > NOTATION_MAX_POLICY_BYTES)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes; at most %d are read", what, size,
                         NOTATION_MAX_POLICY_BYTES);
    if (jval_parse_object(data, size, what, &root, err) < 0)
        return -1;
    if (parse_document(root, &policy.statements, err) < 0)
        return error_wrap(err, "%s", what);
    *ret_policy = policy;
    policy = (struct notation_policy){0};
    return 0;
}

int notation_policy_find(const struct notation_policy *policy, const char *identity,
                         const struct notation_statement **ret_statement, struct error *err)
{
    const struct notation_statement *found = NULL;
    vec_foreach (const struct notation_statement, statement, &policy->statements) {
        if (holds(&statement->scopes, identity)) {
            *ret_statement = statement;
            return 0;
        }
        if (holds(&statement->scopes, "*"))
            found = statement;
    }
    if (found == NULL)
        return error_set(err, ERROR_NOT_FOUND,
                         "no statement is for %s; add it to registryScopes of one, or write a "
                         "statement for \"*\"",
                         identity);
    *ret_statement = found;
    return 0;
}

int notation_statement_fill(const struct notation_statement *statement,
                            struct notation_trust *trust, struct error *err)
{
    memcpy(trust->actions, statement->actions, sizeof trust->actions);
    trust->stamp_after_expiry = statement->stamp_after_expiry;
    vec_foreach (char *, identity, &statement->identities)
        if (notation_trust_add_identity(trust, *identity, err) < 0)
            return error_wrap(err, "statement \"%.100s\": trustedIdentities", statement->name);
    return 0;
}
