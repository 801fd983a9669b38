// Data on stdout: objects as JSON, YAML, names or a table.
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>

#include "base/vec.h"
#include "cli/command.h"

// Every command that prints something for programs takes -o in one of these two forms; the first is
// for what is a table otherwise. (`pull` and `trusted-root update` write files: -o is where to.)
#define OUTPUT_CHOICES "json|yaml|wide|name"
#define RESULT_CHOICES "json|yaml|name"
#define OUTPUT_OPTION                                                         \
    {                                                                         \
        "output", 'o', OPTION_STRING, "FORMAT", "print it as", OUTPUT_CHOICES \
    }

// --output, or "" for the table.
const char *print_format(const struct cli *cli);

// What a command found or did, when --output asks for it: `value` as JSON or YAML, or of
// -o name each of `names` (strings) on a line. Prints nothing without --output.
int print_answer(const struct cli *cli, const json_t *value, const json_t *names, struct error *err)
    __attribute__((warn_unused_result));
// The same where there is one name.
int print_answer_of(const struct cli *cli, const json_t *value, const char *name, struct error *err)
    __attribute__((warn_unused_result));

// A value as JSON or YAML (`format`).
int print_value(const json_t *value, const char *format, struct error *err)
    __attribute__((warn_unused_result));

// Each value as a YAML document of its own.
int print_documents(const json_t *values, struct error *err) __attribute__((warn_unused_result));

// Objects of one kind (or of several) in the chosen format; the table has the columns of the kind.
// `single`: one object was asked for, so JSON and YAML are not wrapped in a List.
int print_objects(const struct cli *cli, const json_t *objects, bool single, struct error *err)
    __attribute__((warn_unused_result));

// Objects to keep in Git or to apply: documents of YAML, unless --output says otherwise.
int print_manifests(const struct cli *cli, const json_t *objects, struct error *err)
    __attribute__((warn_unused_result));

// For commands that change something: what came of it, when --output asks for it.
#define RESULT_OPTION                                                                 \
    {                                                                                 \
        "output", 'o', OPTION_STRING, "FORMAT", "print the result as", RESULT_CHOICES \
    }
int print_result(const struct cli *cli, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));

// Text of others as a terminal may show it (strbuf_add_visible), to stdout.
void print_visible(const char *text);

// How wide what is printed may be: of the terminal, else $COLUMNS or 120.
size_t print_width(void);
// At what width text in which there are commands may wrap: the same on a terminal, else 0, never.
size_t print_wrap_width(void);

// "bundle.sealift.dev/shop". Owned.
char *print_name(const json_t *object);

// A table whose columns are as wide as what is in them. Cells are copied; rows end with a NULL
// cell.
struct table {
    struct vec rows; // of char **
    size_t columns;
    size_t cut; // the number of the column, from 1, that is cut with "…" where rows would wrap; 0 =
                // none
};
void table_init(struct table *table, const char *const *header); // NULL-ended
void table_row(struct table *table, const char *const *cells);   // as many as the header
void table_print(const struct table *table, const struct cli *cli);
void table_release(struct table *table);

#endif
