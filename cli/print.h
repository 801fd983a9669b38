// Data on stdout: objects as JSON, YAML, names or a table.
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>

#include "base/vec.h"
#include "cli/command.h"

#define OUTPUT_CHOICES "json|yaml|wide|name"
#define OUTPUT_OPTION                                                         \
    {                                                                         \
        "output", 'o', OPTION_STRING, "FORMAT", "print it as", OUTPUT_CHOICES \
    }

// --output, or "" for the table.
const char *print_format(const struct cli *cli);

// A value as JSON or YAML (`format`), for commands whose data are no objects.
int print_value(const json_t *value, const char *format, struct error *err)
    __attribute__((warn_unused_result));

// Each value as a YAML document of its own.
int print_documents(const json_t *values, struct error *err) __attribute__((warn_unused_result));

// Objects of one kind (or of several) in the chosen format; the table has the columns of the kind.
// `single`: one object was asked for, so JSON and YAML are not wrapped in a List.
int print_objects(const struct cli *cli, const json_t *objects, bool single, struct error *err)
    __attribute__((warn_unused_result));

// For commands that change an object: the object afterwards, when --output asks for it.
#define RESULT_OPTION                                                                   \
    {                                                                                   \
        "output", 'o', OPTION_STRING, "FORMAT", "print the object as", "json|yaml|name" \
    }
int print_result(const struct cli *cli, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));

// Text of others as a terminal may show it (strbuf_add_visible), to stdout.
void print_visible(const char *text);

// "bundle.sealift.dev/shop". Owned.
char *print_name(const json_t *object);

// A table whose columns are as wide as what is in them. Cells are copied; rows end with a NULL
// cell.
struct table {
    struct vec rows; // of char **
    size_t columns;
};
void table_init(struct table *table, const char *const *header); // NULL-ended
void table_row(struct table *table, const char *const *cells);   // as many as the header
void table_print(const struct table *table, const struct cli *cli);
void table_release(struct table *table);

#endif
