// The API reference in Markdown, read off the rows that validation uses.
#include "api/fields.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char *type_name(enum field_type type)
{
    switch (type) {
    case FIELD_STRING:
        return "string";
    case FIELD_ENUM:
        return "choice";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_INT:
        return "integer";
    case FIELD_DURATION:
        return "duration";
    case FIELD_TIME:
        return "time";
    case FIELD_OBJECT:
        return "object";
    case FIELD_LIST:
        return "list";
    case FIELD_TEXT_MAP:
        return "map of strings";
    case FIELD_ANY:
        return "any";
    case FIELD_SCALAR:
        return "text, number or boolean";
    }
    return "";
}

// Text for a cell of a table: a bar would end it.
static void add_cell(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            strbuf_addch(out, '\\');
        strbuf_addch(out, *text);
    }
}

static void add_choices(struct strbuf *out, const char *choices)
{
    strbuf_addch(out, '`');
    for (; *choices != '\0'; choices++)
        strbuf_addstr(out, *choices == '|' ? "`, `" : (char[]){*choices, '\0'});
    strbuf_addch(out, '`');
}

static void add_bounds(struct strbuf *out, const struct field *field)
{
    if (field->type == FIELD_INT && field->max > field->min)
        strbuf_addf(out, " %lld to %lld.", (long long)field->min, (long long)field->max);
    if (field->type == FIELD_LIST && field->max > 0)
        strbuf_addf(out, " At most %lld.", (long long)field->max);
    if (field->type == FIELD_DURATION && field->min > 0) {
        cleanup_free char *low = duration_format(field->min);
        strbuf_addf(out, " At least `%s`", low);
        if (field->max > 0) {
            cleanup_free char *high = duration_format(field->max);
            strbuf_addf(out, ", at most `%s`", high);
        }
        strbuf_addch(out, '.');
    }
}

static void add_meaning(struct strbuf *out, const struct field *field)
{
    add_cell(out, field->doc);
    if (field->choices != NULL) {
        strbuf_addstr(out, strchr(field->choices, '|') != NULL ? " One of " : " Only ");
        add_choices(out, field->choices);
        strbuf_addch(out, '.');
    }
    add_bounds(out, field);
    if (field->pending == NULL)
        return;
    strbuf_addstr(out, " **Not built yet");
    if (field->pending_choices != NULL) {
        strbuf_addstr(out, ":** ");
        add_choices(out, field->pending_choices);
        strbuf_addstr(out, "; ");
    } else {
        strbuf_addstr(out, ":** ");
    }
    add_cell(out, field->pending);
    strbuf_addch(out, '.');
}

static void add_row(struct strbuf *out, const struct field *field)
{
    strbuf_addf(out, "| `%s`%s | %s | ", field->path, field->required ? " (required)" : "",
                type_name(field->type));
    if (field->fallback != NULL && strcmp(field->fallback, "{}") != 0) {
        strbuf_addch(out, '`');
        add_cell(out, field->fallback);
        strbuf_addch(out, '`');
    }
    strbuf_addstr(out, " | ");
    add_meaning(out, field);
    if (field->example != NULL && field->type != FIELD_OBJECT && field->type != FIELD_BOOL &&
        field->choices == NULL) {
        strbuf_addstr(out, " Example: `");
        add_cell(out, field->example);
        strbuf_addch(out, '`');
    }
    strbuf_addstr(out, " |\n");
}

static bool is_frame(const struct field *field)
{
    static const char *const frame[] = {"apiVersion", "kind", "metadata", "spec", "status"};
    for (size_t i = 0; i < ARRAY_LENGTH(frame); i++) {
        if (strcmp(field->path, frame[i]) == 0)
            return true;
    }
    return false;
}

static void add_rows(struct strbuf *out, const struct field *fields, size_t n)
{
    strbuf_addstr(out, "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        if (!is_frame(&fields[i]))
            add_row(out, &fields[i]);
    }
    strbuf_addch(out, '\n');
}

int api_reference_markdown(const char *kind, struct strbuf *out, struct error *err)
{
    const struct kind_table *table = kind_table_find(kind);
    if (table == NULL)
        return error_set(
            err, ERROR_INVALID,
            "\"%.100s\" is no kind of sealift; there are Bundle, Sync, Hook and TrustPolicy", kind);
    strbuf_addf(out, "## %s\n\n`apiVersion: %s`, %s.\n\n%s\n\n", table->kind.name,
                table->kind.api_version, table->kind.namespaced ? "namespaced" : "cluster-scoped",
                table->doc);
    if (table->example != NULL)
        strbuf_addf(out, "```yaml\n%s```\n\n", table->example);
    add_rows(out, table->fields, table->n_fields);
    if (table->rules != NULL)
        strbuf_addstr(out, "Rules:\n\n");
    rules_foreach (table, rule)
        strbuf_addf(out, "- `%s`: %s.\n", rule->path, rule->sentence);
    if (table->rules != NULL)
        strbuf_addch(out, '\n');
    if (table->n_status_fields > 0)
        add_rows(out, table->status_fields, table->n_status_fields);
    return strbuf_check(out, "the reference", err);
}

int api_reference_all(struct strbuf *out, struct error *err)
{
    strbuf_addstr(
        out,
        "# API reference\n\n"
        "Made from the same table that validates objects; a test fails when it is stale.\n\n"
        "Durations are written like `10m`, `1h30m` or `500ms`; times like "
        "`2026-01-31T12:00:00Z`. A field that is not in these tables is refused, and so is "
        "one that is not built yet: nothing is accepted and ignored. A `secretRef` names a "
        "Secret in the object's own namespace; that of a TrustPolicy one in the "
        "controller's.\n\n"
        "## In a cluster\n\n"
        "The definitions (`sealift export crds`) carry the same rules as CEL, so that the API "
        "server refuses what is refused in files, with the same sentence. In words of its "
        "own it speaks about a value of another type, a field that does not exist (under "
        "strict validation, which kubectl asks for; else the field is dropped), a text, list or "
        "map that is too long, `metadata`, and all that `kubectl` finds before it asks. "
        "After one of these it does not look at the rest. It "
        "proposes another spelling (\"did you mean …?\") only where upper and lower case "
        "differ. What CEL cannot say is told by the role that reads the object, as "
        "`Stalled` with reason `InvalidSpec`: texts with a NUL byte, and a git or registry "
        "address whose parts are odd in a way that no pattern catches.\n\n");
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (api_reference_markdown(kind->name, out, err) < 0)
            return -1;
    }
    while (out->len > 1 && out->data[out->len - 2] == '\n')
        strbuf_truncate(out, out->len - 1);
    return 0;
}
