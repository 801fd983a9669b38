#include "cli/print.h"

#include "api/condition.h"
#include "api/kind.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/columns.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// What a person may ask to see at once.
static const size_t max_output_bytes = 256 << 20;

enum { COLUMN_GAP = 3, CELL_MIN_WIDTH = 24, STATUS_COLUMN = 4, COMMIT_DIGITS = 12 };

const char *print_format(const struct cli *cli)
{
    return cli_string_or(cli, "output", "");
}

static char *visible(const char *text)
{
    size_t size = strlen(text);
    struct strbuf out;
    strbuf_init(&out, 4 * size + 1);
    strbuf_add_visible(&out, text, size);
    return strbuf_steal(&out);
}

void print_visible(const char *text)
{
    cleanup_free char *shown = visible(text);
    fputs(shown, stdout);
}

int print_value(const json_t *value, const char *format, struct error *err)
{
    if (strcmp(format, "yaml") != 0) {
        cleanup_free char *text = jval_pretty(value);
        fputs(text, stdout);
        return 0;
    }
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, max_output_bytes);
    if (yamljson_write(value, &out, err) < 0)
        return -1;
    fwrite(out.data, 1, out.len, stdout);
    return 0;
}

int print_answer(const struct cli *cli, const json_t *value, const json_t *names, struct error *err)
{
    const char *format = print_format(cli);
    size_t index;
    json_t *name;
    if (*format == '\0')
        return 0;
    if (strcmp(format, "name") != 0)
        return print_value(value, format, err);
    json_array_foreach (names, index, name) {
        print_visible(json_string_value(name));
        putchar('\n');
    }
    return 0;
}

int print_answer_of(const struct cli *cli, const json_t *value, const char *name, struct error *err)
{
    cleanup_json json_t *names = json_pack("[s]", name);
    return print_answer(cli, value, names, err);
}

int print_documents(const json_t *values, struct error *err)
{
    size_t index;
    json_t *value;
    json_array_foreach (values, index, value) {
        puts("---");
        if (print_value(value, "yaml", err) < 0)
            return -1;
    }
    return 0;
}

char *print_name(const json_t *object)
{
    const char *api_version = jval_string_or(object, "apiVersion", "");
    const char *slash = strchr(api_version, '/');
    char *name =
        xasprintf("%s%s%.*s/%s", object_kind(object), slash != NULL ? "." : "",
                  slash != NULL ? (int)(slash - api_version) : 0, api_version, object_name(object));
    for (char *ch = name; *ch != '\0' && *ch != '.' && *ch != '/'; ch++)
        *ch = (char)tolower((unsigned char)*ch);
    return name;
}

static void release_row(void *element)
{
    char **row = *(char ***)element;
    for (size_t i = 0; row[i] != NULL; i++)
        free(row[i]);
    free(row);
}

void table_init(struct table *table, const char *const *header)
{
    *table = (struct table){.rows = VEC_OF(char **, release_row)};
    while (header[table->columns] != NULL)
        table->columns++;
    table_row(table, header);
}

static char *one_line(const char *text)
{
    char *shown = visible(text);
    for (char *ch = strpbrk(shown, "\n\t"); ch != NULL; ch = strpbrk(ch, "\n\t"))
        *ch = ' ';
    return shown;
}

void table_row(struct table *table, const char *const *cells)
{
    char **row = xcalloc(table->columns + 1, sizeof *row);
    for (size_t i = 0; i < table->columns; i++)
        row[i] = one_line(cells[i] != NULL ? cells[i] : "");
    *(char ***)vec_push(&table->rows) = row;
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t widest = 0;
    vec_foreach (char **, row, &table->rows) {
        size_t width = columns_text_width((*row)[column]);
        if (width > widest)
            widest = width;
    }
    return widest;
}

size_t print_width(void)
{
    static const size_t default_width = 120;
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    long width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    return width > 0 && width < 10000 ? (size_t)width : default_width;
}

size_t print_wrap_width(void)
{
    return isatty(STDOUT_FILENO) ? print_width() : 0;
}

// Leaves the first `width` characters of a longer text, the last of them "…".
static void cut_cell(char **text, size_t width)
{
    const char *end = *text;
    if (columns_text_width(*text) <= width)
        return;
    for (size_t seen = 0; seen + 1 < width; seen++) {
        do
            end++;
        while (((unsigned char)*end & 0xc0) == 0x80);
    }
    char *whole = *text;
    *text = xasprintf("%.*s…", (int)(end - whole), whole);
    free(whole);
}

// Takes from one column what the others leave no room for.
static void cut_column(const struct table *table, size_t *widths)
{
    size_t all = 0;
    if (table->cut == 0)
        return;
    for (size_t i = 0; i < table->columns; i++)
        all += widths[i] + (i + 1 < table->columns ? COLUMN_GAP : 0);
    size_t column = table->cut - 1;
    size_t others = all - widths[column];
    size_t room = print_width() > others + CELL_MIN_WIDTH ? print_width() - others : CELL_MIN_WIDTH;
    if (widths[column] <= room)
        return;
    vec_foreach (char **, row, &table->rows)
        cut_cell(&(*row)[column], room);
    widths[column] = room;
}

static const char *color_of(const char *cell)
{
    if (strcmp(cell, "True") == 0)
        return "\033[32m";
    return strcmp(cell, "False") == 0 ? "\033[31m" : NULL;
}

void table_print(const struct table *table, const struct cli *cli)
{
    cleanup_free size_t *widths = xcalloc(table->columns, sizeof *widths);
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i);
    cut_column(table, widths);
    vec_foreach (char **, row, &table->rows) {
        for (size_t i = 0; i < table->columns; i++) {
            const char *cell = (*row)[i];
            const char *color = cli->color ? color_of(cell) : NULL;
            bool last = i + 1 == table->columns;
            printf("%s%s%s", color != NULL ? color : "", cell, color != NULL ? "\033[0m" : "");
            if (!last)
                printf("%*s", (int)(widths[i] - columns_text_width(cell)) + COLUMN_GAP, "");
        }
        putchar('\n');
    }
}

void table_release(struct table *table)
{
    vec_free(&table->rows);
}

static char *age_of(const json_t *object)
{
    int64_t created;
    const char *text = jval_string(object, "metadata.creationTimestamp");
    if (text == NULL || time_parse(text, &created, NULL) < 0)
        return xstrdup("");
    int64_t seconds = (clock_wall_ms(clock_system()) - created) / 1000;
    if (seconds < 120)
        return xasprintf("%llds", (long long)(seconds > 0 ? seconds : 0));
    if (seconds < 2 * 3600)
        return xasprintf("%lldm", (long long)seconds / 60);
    if (seconds < 2 * 24 * 3600)
        return xasprintf("%lldh", (long long)seconds / 3600);
    return xasprintf("%lldd", (long long)seconds / 86400);
}

static const char *ready_of(const json_t *object)
{
    if (object_problem(object) != OBJECT_FINE)
        return "False";
    if (condition_find(object, "Ready") == NULL)
        return "Unknown";
    switch (condition_state(object, "Ready")) {
    case CONDITION_TRUE:
        return "True";
    case CONDITION_FALSE:
        return "False";
    case CONDITION_UNKNOWN:
        break;
    }
    return "Unknown";
}

// "main@sha1:" and the first digits of the commit. Owned.
static char *short_revision(const char *revision)
{
    const char *colon = strrchr(revision, ':');
    size_t head = colon != NULL ? (size_t)(colon - revision) + 1 : strlen(revision);
    return xstrndup(revision, head + COMMIT_DIGITS);
}

static void add_object_row(struct table *table, const json_t *object, bool wide)
{
    cleanup_free char *age = age_of(object);
    cleanup_free char *name = print_name(object);
    const char *revision = jval_string_or(object_status(object, "artifact"), "revision", "");
    const char *digest = jval_string_or(object_status(object, "artifact"), "digest", "");
    const char *message = condition_message(object, "Ready");
    if (object_problem(object) != OBJECT_FINE)
        message = object_problem_message(object);
    bool suspended = object_is_suspended(object);
    cleanup_free char *status =
        xasprintf("%s%s%s", suspended ? "suspended" : "",
                  suspended && *message != '\0' ? "; before: " : "", message);
    cleanup_free char *shown = wide ? xstrdup(revision) : short_revision(revision);
    const char *cells[] = {object_namespace(object), name, ready_of(object), status, shown, age,
                           wide ? digest : NULL,     NULL};
    table_row(table, cells);
}

static void print_table(const struct cli *cli, const json_t *objects, bool wide)
{
    const char *header[] = {
        "NAMESPACE", "NAME", "READY", "STATUS", "REVISION", "AGE", wide ? "DIGEST" : NULL, NULL};
    struct table table;
    table_init(&table, header);
    table.cut = wide ? 0 : STATUS_COLUMN;
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        add_object_row(&table, object, wide);
    }
    table_print(&table, cli);
    table_release(&table);
}

static int print_structured(const json_t *objects, bool single, const char *format,
                            struct error *err)
{
    if (single && json_array_size(objects) == 1)
        return print_value(json_array_get(objects, 0), format, err);
    cleanup_json json_t *list = json_object();
    jval_set_string(list, "apiVersion", "v1");
    jval_set_string(list, "kind", "List");
    jval_set(list, "items", json_incref((json_t *)(uintptr_t)objects));
    return print_value(list, format, err);
}

int print_objects(const struct cli *cli, const json_t *objects, bool single, struct error *err)
{
    const char *format = print_format(cli);
    size_t index;
    json_t *object;
    if (strcmp(format, "json") == 0 || strcmp(format, "yaml") == 0)
        return print_structured(objects, single, format, err);
    if (strcmp(format, "name") == 0) {
        json_array_foreach (objects, index, object) {
            cleanup_free char *name = print_name(object);
            puts(name);
        }
        return 0;
    }
    print_table(cli, objects, strcmp(format, "wide") == 0);
    return 0;
}

int print_manifests(const struct cli *cli, const json_t *objects, struct error *err)
{
    bool yaml = *print_format(cli) == '\0' || strcmp(print_format(cli), "yaml") == 0;
    return yaml ? print_documents(objects, err) : print_objects(cli, objects, false, err);
}

int print_result(const struct cli *cli, const json_t *object, struct error *err)
{
    if (*print_format(cli) == '\0')
        return 0;
    cleanup_json json_t *list = json_array();
    json_array_append_new(list, jval_ref(object));
    return print_objects(cli, list, true, err);
}
