// JSON as Go's encoding/json writes it: sorted names, <, > and & escaped, two blanks or none.
#include "render/kustomize/structured_json_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"

static void add_line(struct strbuf *out, bool pretty, unsigned depth)
{
    if (!pretty)
        return;
    strbuf_addch(out, '\n');
    for (unsigned i = 0; i < depth; i++)
        strbuf_addstr(out, "  ");
}

static void add_string(struct strbuf *out, const char *text)
{
    static const char short_forms[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    strbuf_addch(out, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        const char *form = strchr(short_forms, *at);
        if (form != NULL && (form - short_forms) % 2 == 0)
            strbuf_addf(out, "\\%c", form[1]);
        else if (*at < 0x20 || *at == '<' || *at == '>' || *at == '&')
            strbuf_addf(out, "\\u%04x", *at);
        else if (at[0] == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9)) {
            strbuf_addf(out, "\\u202%c", at[2] == 0xA8 ? '8' : '9');
            at += 2;
        } else
            strbuf_addch(out, (char)*at);
    }
    strbuf_addch(out, '"');
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_object(struct strbuf *out, const struct value *value, bool pretty, unsigned depth)
{
    size_t count = 0;
    cleanup_free const char **names = xcalloc(value_object_size(value) + 1, sizeof *names);
    const char *name = NULL;
    struct value *member = NULL;
    value_foreach (value, name, member)
        names[count++] = name;
    qsort(names, count, sizeof *names, compare_names);
    strbuf_addch(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strbuf_addch(out, ',');
        add_line(out, pretty, depth + 1);
        add_string(out, names[i]);
        strbuf_addstr(out, pretty ? ": " : ":");
        go_json_add(out, value_object_get(value, names[i]), pretty, depth + 1);
    }
    if (count > 0)
        add_line(out, pretty, depth);
    strbuf_addch(out, '}');
}

static void add_array(struct strbuf *out, const struct value *value, bool pretty, unsigned depth)
{
    strbuf_addch(out, '[');
    for (size_t i = 0; i < value_array_size(value); i++) {
        if (i > 0)
            strbuf_addch(out, ',');
        add_line(out, pretty, depth + 1);
        go_json_add(out, value_array_get(value, i), pretty, depth + 1);
    }
    if (value_array_size(value) > 0)
        add_line(out, pretty, depth);
    strbuf_addch(out, ']');
}

void go_json_add(struct strbuf *out, const struct value *value, bool pretty, unsigned depth)
{
    if (value_is_object(value)) {
        add_object(out, value, pretty, depth);
    } else if (value_is_array(value)) {
        add_array(out, value, pretty, depth);
    } else if (value_is_string(value)) {
        add_string(out, value_string_value(value));
    } else {
        cleanup_free char *text = yamlvalue_scalar_text(value);
        strbuf_addstr(out, value_is_null(value) ? "null" : text);
    }
}
