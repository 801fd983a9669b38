#include "oci/sign/statement.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/json_strict.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20, MAX_SUBJECTS = 1024, MAX_TEXT = 2048 };
// The largest integer that every JSON reader keeps exact.
static const int64_t max_sequence = (INT64_C(1) << 53) - 1;
static const int64_t max_time_ms = INT64_C(253402300799999);

static const char statement_v1[] = "https://in-toto.io/Statement/v1";
static const char statement_v01[] = "https://in-toto.io/Statement/v0.1";

void statement_release(struct statement *statement)
{
    json_decref(statement->root);
    *statement = (struct statement){0};
}

// Consumes predicate.
static char *build(const char *subject_name, const char *digest, const char *type,
                   json_t *predicate)
{
    cleanup_json json_t *root =
        json_pack("{s:s, s:[{s:s*, s:{s:s}}], s:s, s:o}", "_type", statement_v1, "subject", "name",
                  subject_name, "digest", "sha256", digest_hex(digest), "predicateType", type,
                  "predicate", predicate);
    if (root == NULL)
        abort();
    return jval_compact(root);
}

static json_t *time_json(int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    time_format(wall_ms, text);
    return json_string(text);
}

char *statement_build_sign(const char *subject_name, const char *digest)
{
    return build(subject_name, digest, STATEMENT_SIGN_TYPE, json_object());
}

// A download location as SPDX writes it and SLSA asks for: git+<scheme>://<host>/<path>@<ref>.
static char *source_uri(const struct provenance *from)
{
    const char *place = from->url != NULL ? from->url : from->repository;
    const char *scheme = *place == '/' ? "file://" : "https://";
    return xasprintf("git+%s%s@%s", strstr(place, "://") != NULL ? "" : scheme, place, from->ref);
}

char *statement_build_provenance(const char *subject_name, const char *digest,
                                 const struct provenance *from)
{
    cleanup_free char *uri = source_uri(from);
    json_t *predicate = json_pack(
        "{s:{s:s, s:{s:s, s:s, s:s}, s:{s:s*, s:s*, s:s*}, s:[{s:s, s:{s:s}}]},"
        " s:{s:{s:s, s:{s:s}}, s:{s:s*}}}",
        "buildDefinition", "buildType", STATEMENT_BUILD_TYPE, "externalParameters", "repository",
        from->repository, "ref", from->ref, "path", from->path, "internalParameters", "renderer",
        from->renderer, "rendererVersion", from->renderer_version, "valuesDigest",
        from->values_digest, "resolvedDependencies", "uri", uri, "digest", "gitCommit",
        from->commit, "runDetails", "builder", "id", STATEMENT_BUILDER_ID, "version", "sealift",
        SEALIFT_VERSION, "metadata", "invocationId", from->request_id);
    if (predicate == NULL)
        abort();
    json_t *inputs = jval_unconst(jval_array(predicate, "buildDefinition.resolvedDependencies"));
    for (size_t i = 0; i < from->n_inputs; i++)
        json_array_append_new(inputs,
                              json_pack("{s:s, s:{s:s}}", "uri", from->inputs[i].uri, "digest",
                                        from->inputs[i].algorithm, from->inputs[i].digest));
    if (from->started_ms != 0)
        jval_set(predicate, "runDetails.metadata.startedOn", time_json(from->started_ms));
    if (from->finished_ms != 0)
        jval_set(predicate, "runDetails.metadata.finishedOn", time_json(from->finished_ms));
    return build(subject_name, digest, STATEMENT_PROVENANCE_TYPE, predicate);
}

char *statement_build_release(const char *subject_name, const char *digest,
                              const struct release *from)
{
    json_t *predicate = json_pack("{s:s, s:s, s:I, s:o}", "repository", from->repository, "channel",
                                  from->channel, "sequence", (json_int_t)from->sequence, "issuedAt",
                                  time_json(from->issued_at_ms));
    if (predicate == NULL)
        abort();
    if (from->not_after_ms != 0)
        jval_set(predicate, "notAfter", time_json(from->not_after_ms));
    const struct {
        const char *name;
        const char *text;
    } optional[] = {
        {"version", from->version},      {"commit", from->commit},         {"path", from->path},
        {"requestId", from->request_id}, {"supersedes", from->supersedes}, {"reason", from->reason},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(optional); i++)
        if (optional[i].text != NULL)
            jval_set_string(predicate, optional[i].name, optional[i].text);
    return build(subject_name, digest, STATEMENT_RELEASE_TYPE, predicate);
}

char *statement_build_approval(const char *subject_name, const char *digest,
                               const struct approval *from)
{
    json_t *predicate =
        json_pack("{s:s, s:s, s:o, s:s*}", "repository", from->repository, "channel", from->channel,
                  "approvedAt", time_json(from->approved_at_ms), "comment", from->comment);
    if (predicate == NULL)
        abort();
    return build(subject_name, digest, STATEMENT_APPROVAL_TYPE, predicate);
}

static int get_text(const json_t *object, const char *name, bool required, const char **ret_text,
                    struct error *err)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL && !required) {
        *ret_text = NULL;
        return 0;
    }
    if (!json_is_string(value) || json_string_length(value) > MAX_TEXT)
        return error_set(err, ERROR_INVALID, "%s is missing, no text, or longer than %d bytes",
                         name, MAX_TEXT);
    *ret_text = json_string_value(value);
    return 0;
}

static int get_time(const json_t *object, const char *name, bool required, int64_t *ret_wall_ms,
                    struct error *err)
{
    const char *text = NULL;
    if (get_text(object, name, required, &text, err) < 0)
        return -1;
    if (text == NULL) {
        *ret_wall_ms = 0;
        return 0;
    }
    int64_t wall_ms = 0;
    if (time_parse(text, &wall_ms, err) < 0)
        return error_wrap(err, "%s", name);
    // 0 stands for absent here, so a time may not be it.
    if (wall_ms <= 0 || wall_ms > max_time_ms)
        return error_set(err, ERROR_INVALID, "%s is not between 1970 and 9999", name);
    *ret_wall_ms = wall_ms;
    return 0;
}

static int parse_release(const json_t *predicate, struct release *release, struct error *err)
{
    const json_t *sequence = json_object_get(predicate, "sequence");
    if (!json_is_integer(sequence) || json_integer_value(sequence) < 1 ||
        json_integer_value(sequence) > max_sequence)
        return error_set(err, ERROR_INVALID, "sequence is no whole number from 1 to 2^53 - 1");
    release->sequence = json_integer_value(sequence);
    if (get_text(predicate, "repository", true, &release->repository, err) < 0 ||
        get_text(predicate, "channel", true, &release->channel, err) < 0 ||
        get_time(predicate, "issuedAt", true, &release->issued_at_ms, err) < 0 ||
        get_time(predicate, "notAfter", false, &release->not_after_ms, err) < 0 ||
        get_text(predicate, "version", false, &release->version, err) < 0 ||
        get_text(predicate, "commit", false, &release->commit, err) < 0 ||
        get_text(predicate, "path", false, &release->path, err) < 0 ||
        get_text(predicate, "requestId", false, &release->request_id, err) < 0 ||
        get_text(predicate, "supersedes", false, &release->supersedes, err) < 0 ||
        get_text(predicate, "reason", false, &release->reason, err) < 0)
        return -1;
    return 0;
}

static int parse_approval(const json_t *predicate, struct approval *approval, struct error *err)
{
    if (get_text(predicate, "repository", true, &approval->repository, err) < 0 ||
        get_text(predicate, "channel", true, &approval->channel, err) < 0 ||
        get_time(predicate, "approvedAt", true, &approval->approved_at_ms, err) < 0 ||
        get_text(predicate, "comment", false, &approval->comment, err) < 0)
        return -1;
    return 0;
}

static int parse_provenance(const json_t *predicate, struct provenance *provenance,
                            struct error *err)
{
    const json_t *external = jval_object(predicate, "buildDefinition.externalParameters");
    const json_t *internal = jval_object(predicate, "buildDefinition.internalParameters");
    const json_t *source =
        json_array_get(jval_array(predicate, "buildDefinition.resolvedDependencies"), 0);
    const json_t *metadata = jval_object(predicate, "runDetails.metadata");
    if (get_text(external, "repository", true, &provenance->repository, err) < 0 ||
        get_text(external, "ref", true, &provenance->ref, err) < 0 ||
        get_text(external, "path", true, &provenance->path, err) < 0 ||
        get_text(internal, "renderer", false, &provenance->renderer, err) < 0 ||
        get_text(internal, "rendererVersion", false, &provenance->renderer_version, err) < 0 ||
        get_text(internal, "valuesDigest", false, &provenance->values_digest, err) < 0 ||
        get_text(jval_object(source, "digest"), "gitCommit", true, &provenance->commit, err) < 0 ||
        get_text(metadata, "invocationId", false, &provenance->request_id, err) < 0 ||
        get_time(metadata, "startedOn", false, &provenance->started_ms, err) < 0 ||
        get_time(metadata, "finishedOn", false, &provenance->finished_ms, err) < 0)
        return -1;
    return 0;
}

static int find_subject(const json_t *subjects, const char *digest, struct statement *statement,
                        struct error *err)
{
    size_t count = json_array_size(subjects);
    if (count == 0)
        return error_set(err, ERROR_INVALID, "subject is missing, no list, or empty");
    if (count > MAX_SUBJECTS)
        return error_set(err, ERROR_LIMIT, "it has %zu subjects; at most %d are read", count,
                         MAX_SUBJECTS);
    cleanup_free char *path = xasprintf("digest.%.*s", (int)strcspn(digest, ":"), digest);
    for (size_t i = 0; i < count; i++) {
        const json_t *subject = json_array_get(subjects, i);
        const char *hex = jval_string(subject, path);
        if (hex == NULL || strcmp(hex, strchr(digest, ':') + 1) != 0)
            continue;
        return get_text(subject, "name", false, &statement->subject_name, err);
    }
    const char *other = jval_string(json_array_get(subjects, 0), "digest.sha256");
    return error_set(err, ERROR_UNVERIFIED, "it is about sha256:%.64s, not about %s",
                     other != NULL ? other : "(no digest)", digest);
}

static int parse_predicate(struct statement *statement, struct error *err)
{
    const json_t *predicate = json_object_get(statement->root, "predicate");
    statement->kind = STATEMENT_OTHER;
    if (strcmp(statement->predicate_type, STATEMENT_SIGN_TYPE) == 0) {
        statement->kind = STATEMENT_SIGN;
        return 0;
    }
    if (strcmp(statement->predicate_type, STATEMENT_RELEASE_TYPE) == 0) {
        statement->kind = STATEMENT_RELEASE;
        return parse_release(predicate, &statement->release, err);
    }
    if (strcmp(statement->predicate_type, STATEMENT_APPROVAL_TYPE) == 0) {
        statement->kind = STATEMENT_APPROVAL;
        return parse_approval(predicate, &statement->approval, err);
    }
    if (strcmp(statement->predicate_type, STATEMENT_PROVENANCE_TYPE) == 0 &&
        strcmp(jval_string_or(predicate, "buildDefinition.buildType", ""), STATEMENT_BUILD_TYPE) ==
            0) {
        statement->kind = STATEMENT_PROVENANCE;
        return parse_provenance(predicate, &statement->provenance, err);
    }
    return 0;
}

int statement_parse(const void *data, size_t size, const char *digest,
                    struct statement *ret_statement, struct error *err)
{
    cleanup_statement struct statement statement = {0};
    const char *type = NULL;
    if (size > MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "the statement has %zu bytes; at most %d are read", size,
                         MAX_BYTES);
    if (jval_parse_object(data, size, "the statement", &statement.root, err) < 0)
        return -1;
    if (json_strict_string(statement.root, "_type", &type, err) < 0 ||
        get_text(statement.root, "predicateType", true, &statement.predicate_type, err) < 0)
        return error_wrap(err, "the statement");
    if (strcmp(type, statement_v1) != 0 && strcmp(type, statement_v01) != 0)
        return error_set(err, ERROR_INVALID,
                         "the statement: _type \"%.64s\" is no in-toto statement", type);
    if (find_subject(json_object_get(statement.root, "subject"), digest, &statement, err) < 0 ||
        parse_predicate(&statement, err) < 0)
        return error_wrap(err, "the statement");
    *ret_statement = statement;
    statement = (struct statement){0};
    return 0;
}
