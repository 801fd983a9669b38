// From rows to x-kubernetes-validations. All conditions of one field become one rule, and its
// messageExpression tells which of them broke first, so that a person reads one sentence.
#include "api/crd_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPRESSION_MAX = 1 << 16,
    TEXT_MAX_LENGTH = 4096, // as in api/validate.c
    WORD_MAX_LENGTH = 64,   // choices, durations, times
};

#define TIME_PATTERN                                                                       \
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:" \
    "([0-5][0-9]|60)([.][0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"

void crd_condition_release(void *condition)
{
    struct crd_condition *released = condition;
    free(released->holds);
    free(released->plain);
    free(released->worked_out);
}

void crd_add_plain(struct vec *conditions, char *holds, const char *sentence)
{
    *(struct crd_condition *)vec_push(conditions) =
        (struct crd_condition){.holds = holds, .plain = xstrdup(sentence)};
}

void crd_add_worked_out(struct vec *conditions, char *holds, char *expression)
{
    *(struct crd_condition *)vec_push(conditions) =
        (struct crd_condition){.holds = holds, .worked_out = expression};
}

// text as a CEL string; owned.
static char *quote(const char *text)
{
    struct strbuf out;
    strbuf_init(&out, EXPRESSION_MAX);
    strbuf_addch(&out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            strbuf_addch(&out, '\\');
        strbuf_addch(&out, *text);
    }
    strbuf_addch(&out, '\'');
    return strbuf_steal(&out);
}

static const char *short_self(int max)
{
    return max == 40 ? "(size(self) > 40 ? self.substring(0, 40) : self)"
                     : "(size(self) > 100 ? self.substring(0, 100) : self)";
}

void crd_add_quoting(struct vec *conditions, char *holds, int max, const char *sentence)
{
    cleanup_free char *rest = xasprintf("\" %s", sentence);
    cleanup_free char *quoted = quote(rest);
    crd_add_worked_out(conditions, holds, xasprintf("'\"' + %s + %s", short_self(max), quoted));
}

int64_t crd_max_length(const struct field *field)
{
    if (field->type == FIELD_ENUM || field->type == FIELD_DURATION || field->type == FIELD_TIME)
        return WORD_MAX_LENGTH;
    return crd_format_max(field->check, field->max > 0 ? field->max : TEXT_MAX_LENGTH);
}

// ['a', 'b']
static char *choice_list(const char *choices)
{
    struct strbuf list;
    strbuf_init(&list, EXPRESSION_MAX);
    strbuf_addstr(&list, "['");
    for (; *choices != '\0'; choices++)
        strbuf_add(&list, *choices == '|' ? "', '" : choices, *choices == '|' ? 4 : 1);
    strbuf_addstr(&list, "']");
    return strbuf_steal(&list);
}

// '"heal" is none of Heal, Report; did you mean Heal?' The API server sees another case; other
// typing errors only the file check does.
static char *none_of(const char *choices)
{
    struct strbuf text;
    strbuf_init(&text, EXPRESSION_MAX);
    strbuf_addf(&text, "'\"' + self + '\" is %s ",
                strchr(choices, '|') != NULL ? "none of" : "not");
    for (const char *at = choices; *at != '\0'; at++)
        strbuf_add(&text, *at == '|' ? ", " : at, *at == '|' ? 2 : 1);
    strbuf_addstr(&text, "' + (");
    for (const char *at = choices; at != NULL;) {
        int size = (int)strcspn(at, "|");
        strbuf_addf(&text,
                    "self.lowerAscii() == '%.*s'.lowerAscii() ? '; did you mean %.*s?' : ", size,
                    at, size, at);
        at = at[size] == '|' ? at + size + 1 : NULL;
    }
    strbuf_addstr(&text, "'')");
    return strbuf_steal(&text);
}

static void add_enum(struct vec *conditions, const struct field *field)
{
    if (field->pending_choices != NULL) {
        cleanup_free char *pending = choice_list(field->pending_choices);
        cleanup_free char *rest = xasprintf(" is not built yet: %s", field->pending);
        cleanup_free char *quoted = quote(rest);
        crd_add_worked_out(conditions, xasprintf("!(self in %s)", pending),
                           xasprintf("self + %s", quoted));
    }
    cleanup_free char *list = choice_list(field->choices);
    crd_add_worked_out(conditions, xasprintf("self in %s", list), none_of(field->choices));
}

// duration() fails where it overflows, after 292 years, and then nobody reads our sentence. So one
// part may be 127 years long, which is more than the 100 that duration_parse takes, and the others
// so short that 64 characters of them add no more than that.
#define FRACTION "([.][0-9]*)?"
#define DURATION_PART(h, m, s, ms, us, ns)                                               \
    "(0*(" h FRACTION "h|" m FRACTION "m|" s FRACTION "s|" ms FRACTION "ms|" us FRACTION \
    "[uµ]s|" ns FRACTION "ns)|[.][0-9]+([hms]|[muµn]s))"
#define DURATION_LONG                                                                        \
    DURATION_PART("[0-9]{1,6}", "[0-5]?[0-9]{1,7}", "[0-3]?[0-9]{1,9}", "[0-3]?[0-9]{1,12}", \
                  "[0-3]?[0-9]{1,15}", "[0-3]?[0-9]{1,18}")
#define DURATION_SHORT                                                                    \
    DURATION_PART("[0-9]{1,5}", "[0-9]{1,7}", "[0-9]{1,8}", "[0-9]{1,11}", "[0-9]{1,14}", \
                  "[0-9]{1,17}")
#define DURATION_PATTERN "^(0|" DURATION_SHORT "*" DURATION_LONG DURATION_SHORT "*)$"

static void add_duration(struct vec *conditions, const struct field *field)
{
    cleanup_free char *none = xasprintf("is no duration; write it like %s", field->example);
    crd_add_quoting(conditions, xstrdup("self.matches('" DURATION_PATTERN "')"), 40, none);
    crd_add_quoting(conditions, xstrdup("duration(self) <= duration('876000h')"), 40, none);
    cleanup_free char *low = duration_format(field->min);
    cleanup_free char *high = duration_format(field->max);
    if (field->min > 0)
        crd_add_worked_out(conditions, xasprintf("duration(self) >= duration('%s')", low),
                           xasprintf("%s + ' is too short; the least is %s'", short_self(40), low));
    if (field->max > 0)
        crd_add_worked_out(conditions, xasprintf("duration(self) <= duration('%s')", high),
                           xasprintf("%s + ' is too long; the most is %s'", short_self(40), high));
}

static void add_time(struct vec *conditions)
{
    crd_add_quoting(conditions, xstrdup("self.matches('" TIME_PATTERN "')"), 40,
                    "is no time; write it like 2026-01-31T12:00:00Z");
    crd_add_quoting(conditions,
                    xstrdup("!self.matches('^.{5}(02-3|(04|06|09|11)-31)') && "
                            "(!self.matches('^.{5}02-29') || (int(self.substring(0, 4)) % 4 == 0 "
                            "&& (int(self.substring(0, 4)) % 100 != 0 || "
                            "int(self.substring(0, 4)) % 400 == 0)))"),
                    40, "names a day that does not exist");
}

static void add_string(struct vec *conditions, const struct field *field)
{
    if (!field->secret || field->check == NULL) {
        cleanup_free char *sentence = xasprintf("is empty; write it like %s%s", field->example,
                                                field->required ? "" : ", or leave it out");
        crd_add_plain(conditions, xstrdup("size(self) > 0"), sentence);
    }
    crd_add_format(conditions, field->check);
}

static void add_list(const struct kind_table *table, struct vec *conditions,
                     const struct field *field)
{
    if (field->min > 0) {
        cleanup_free char *sentence =
            xasprintf("needs at least %lld item%s; write it like %s", (long long)field->min,
                      field->min == 1 ? "" : "s", field->example);
        crd_add_plain(conditions, xasprintf("size(self) >= %lld", (long long)field->min), sentence);
    }
    const struct field *item = field_child(table, field->path, "[]", 2);
    if (!field->unique || item == NULL)
        return;
    bool objects = item->type == FIELD_OBJECT;
    const char *same =
        objects ? "has(x.name) && self.filter(y, has(y.name) && y.name == x.name).size() > 1"
                : "self.filter(y, y == x).size() > 1";
    // map, since the API server cannot estimate what it costs to use an element of filter's.
    crd_add_worked_out(conditions, xasprintf("!self.exists(x, %s)", same),
                       xasprintf("'\"' + self.map(x, %s, x%s)[0] + '\" is there twice; leave one "
                                 "out'",
                                 same, objects ? ".name" : ""));
}

static void add_range(struct vec *conditions, const struct field *field)
{
    cleanup_free char *sentence = xasprintf("is out of range; write %lld to %lld",
                                            (long long)field->min, (long long)field->max);
    crd_add_plain(
        conditions,
        xasprintf("self >= %lld && self <= %lld", (long long)field->min, (long long)field->max),
        sentence);
}

static void add_conditions(const struct kind_table *table, struct vec *conditions,
                           const struct field *field)
{
    if (field->pending != NULL && field->pending_choices == NULL) {
        cleanup_free char *sentence = xasprintf("is not built yet: %s", field->pending);
        crd_add_plain(conditions, xstrdup("false"), sentence);
        return;
    }
    switch (field->type) {
    case FIELD_STRING:
        add_string(conditions, field);
        break;
    case FIELD_ENUM:
        add_enum(conditions, field);
        break;
    case FIELD_DURATION:
        add_duration(conditions, field);
        break;
    case FIELD_TIME:
        add_time(conditions);
        break;
    case FIELD_INT:
        add_range(conditions, field);
        break;
    case FIELD_LIST:
        add_list(table, conditions, field);
        break;
    case FIELD_BOOL:
    case FIELD_OBJECT:
    case FIELD_TEXT_MAP:
    case FIELD_ANY:
    case FIELD_SCALAR:
        break;
    }
}

// message or messageExpression: the latter only where something is worked out. It may fail (a
// message has no line breaks, a value can); then the former stands.
static void set_message(json_t *rule, const struct vec *conditions, const struct field *field)
{
    const struct crd_condition *only = vec_at(conditions, 0);
    if (conditions->len == 1 && only->plain != NULL) {
        jval_set_string(rule, "message", only->plain);
        return;
    }
    cleanup_strbuf struct strbuf expression;
    strbuf_init(&expression, EXPRESSION_MAX);
    for (size_t i = 0; i < conditions->len; i++) {
        const struct crd_condition *condition = vec_at(conditions, i);
        cleanup_free char *quoted = condition->plain != NULL ? quote(condition->plain) : NULL;
        const char *message = quoted != NULL ? quoted : condition->worked_out;
        if (i + 1 < conditions->len)
            strbuf_addf(&expression, "!(%s) ? %s : ", condition->holds, message);
        else
            strbuf_addstr(&expression, message);
    }
    jval_set_string(rule, "messageExpression", expression.data);
    cleanup_free char *fallback =
        xasprintf("is not what it must be; write it like %s", field->example);
    jval_set_string(rule, "message", fallback);
}

// One rule of all conditions; NULL when there are none. Owned.
static json_t *field_rule(const struct kind_table *table, const struct field *field)
{
    cleanup_vec struct vec conditions = CRD_CONDITIONS;
    add_conditions(table, &conditions, field);
    if (conditions.len == 0)
        return NULL;
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, EXPRESSION_MAX);
    vec_foreach (struct crd_condition, condition, &conditions)
        strbuf_addf(&all, conditions.len > 1 ? "%s(%s)" : "%s%s", all.len > 0 ? " && " : "",
                    condition->holds);
    json_t *rule = json_object();
    jval_set_string(rule, "rule", all.data);
    set_message(rule, &conditions, field);
    return rule;
}

json_t *crd_field_rules(const struct kind_table *table, const struct field *field)
{
    json_t *rules = json_array();
    json_t *rule = field->secret ? NULL : field_rule(table, field);
    if (rule != NULL)
        json_array_append_new(rules, rule);
    return rules;
}

// The expression over the parent's member instead of `self`; owned. Words in quotes stay.
static char *about_member(const char *expression, const char *name)
{
    struct strbuf out;
    strbuf_init(&out, EXPRESSION_MAX);
    bool quoted = false;
    for (const char *at = expression; *at != '\0'; at++) {
        bool starts = at == expression || !isalnum((unsigned char)at[-1]);
        if (!quoted && starts && strncmp(at, "self", 4) == 0 && !isalnum((unsigned char)at[4])) {
            strbuf_addf(&out, "self.%s", name);
            at += 3;
            continue;
        }
        quoted ^= *at == '\'';
        strbuf_addch(&out, *at);
        if (quoted && *at == '\\' && at[1] == '\'')
            strbuf_addch(&out, *++at);
    }
    return strbuf_steal(&out);
}

// The API server shows the value that broke a rule; that of an object it does not. So what may hold
// a password is judged by its parent.
static void add_secret(const struct kind_table *table, const struct field *field, const char *name,
                       json_t *rules)
{
    json_t *rule = field_rule(table, field);
    if (rule == NULL)
        return;
    cleanup_free char *holds = about_member(jval_string_or(rule, "rule", ""), name);
    cleanup_free char *guarded = xasprintf("!has(self.%s) || (%s)", name, holds);
    jval_set_string(rule, "rule", guarded);
    if (jval_string(rule, "messageExpression") != NULL) {
        cleanup_free char *message =
            about_member(jval_string_or(rule, "messageExpression", ""), name);
        jval_set_string(rule, "messageExpression", message);
    }
    cleanup_free char *at = xasprintf(".%s", name);
    jval_set_string(rule, "fieldPath", at);
    json_array_append_new(rules, rule);
}

// CEL keeps some words for itself; the API server offers such fields under another name.
static const char *escaped(const char *name)
{
    return strcmp(name, "namespace") == 0 ? "__namespace__" : name;
}

static void add_required(const struct field *field, const char *name, json_t *rules)
{
    cleanup_free char *holds = xasprintf("has(self.%s)", escaped(name));
    cleanup_free char *message = xasprintf("is missing; write it like %s", field->example);
    cleanup_free char *at = xasprintf(".%s", name);
    json_t *rule = json_object();
    jval_set_string(rule, "rule", holds);
    jval_set_string(rule, "message", message);
    jval_set_string(rule, "fieldPath", at);
    jval_set_string(rule, "reason", "FieldValueRequired");
    json_array_append_new(rules, rule);
}

void crd_add_member_rules(const struct kind_table *table, const char *path, json_t *rules)
{
    const char *name;
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct field *field = &table->fields[i];
        bool is_child = field_is_child(field->path, path, &name);
        // The API server itself asks for the frame of every object.
        if (is_child && field->required && (*path != '\0' || strcmp(name, "spec") == 0))
            add_required(field, name, rules);
        if (is_child && field->secret)
            add_secret(table, field, escaped(name), rules);
    }
    rules_foreach (table, given) {
        if (given->holds == NULL || strcmp(given->at != NULL ? given->at : given->path, path) != 0)
            continue;
        json_t *rule = json_object();
        jval_set_string(rule, "rule", given->holds);
        jval_set_string(rule, "message", given->sentence);
        if (given->at != NULL)
            jval_set_string(rule, "fieldPath", given->path + strlen(given->at));
        json_array_append_new(rules, rule);
    }
}
