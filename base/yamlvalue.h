// YAML to the values of JSON and back, on libyaml's events, as kustomize (go-yaml v3, then
// sigs.k8s.io/yaml) reads and writes it. Bounded: depth 64, aliases cannot multiply the document
// (expanded nodes and bytes are capped), no duplicate keys, no tags but the core ones, no NUL,
// nothing but UTF-8.
//
// Scalars: only true and false are booleans (yes, on, y are strings, and come out quoted); 0777 and
// 0o777 are octal, 0x and 0b work, 1_000 is 1000; a date is its RFC 3339 string; .inf and .nan are
// refused; !!binary becomes the text it holds. Numbers: 1.0 is the integer 1, as in JSON. An
// integer from 2^63 to 2^64-1 is a real that knows its digits (value_unsigned); what is larger
// becomes a real, as in Go. Keys that are integers, reals or booleans
// become their text. Merge keys (<<) are expanded; a document's own keys win.
#ifndef BASE_YAMLVALUE_H
#define BASE_YAMLVALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"

struct yamlvalue_limits {
    unsigned max_depth;   // 0 = 64
    size_t max_nodes;     // after aliases are expanded; 0 = 1,000,000
    size_t max_documents; // 0 = 20,000
    // What kustomize does and kubectl does not: a key that is no string is refused, an empty value
    // inside {} or [] is "" instead of null, and an empty value elsewhere is yamlvalue_empty_null.
    bool kustomize;
    // Of a key that occurs twice the last value counts, as in a kustomization.yaml.
    bool last_wins;
    // Scalars remember how they are written (base/yamlvalue_written.h); keys do not. Objects and
    // arrays that stand in {} or [] are marked (value_container_mark), and what is empty there is
    // null until yamlvalue_settle makes "" of it.
    bool written;
    // The nodes themselves rather than what they mean: keys by their text, merge keys as keys,
    // aliases unresolved (YAMLVALUE_TAG_ALIAS). Goes with `written`.
    bool as_nodes;
    // What stands behind the first document is not looked at.
    bool first_only;
    // A tag that is none of YAML's own makes text of a scalar, and any one on a list or mapping is
    // overlooked, as in go-yaml.
    bool any_tag;
    // As go-yaml v2, with which kustomize reads its own files and JSON patches: yes, on and y are
    // true, no, off and n false, and a date stays as it is written.
    bool yaml11;
};

// A null like value_null() (value_is_null says so), by its address another one: what a strategic
// merge drops, while it keeps a null that is written out. Only value_equal takes the two for
// different. Static.
struct value *yamlvalue_empty_null(void);

struct yamlvalue_document {
    struct value *value; // owned; JSON null for an empty document
    size_t line;         // of its first token, from 1
    size_t start;        // byte range in the input, without the separator line
    size_t end;
};
void yamlvalue_document_release(void *document);
#define YAMLVALUE_DOCUMENTS VEC_OF(struct yamlvalue_document, yamlvalue_document_release)

// What a scalar without quotes and tag means: a new reference; NULL where JSON has no such value
// (.inf, .nan).
struct value *yamlvalue_scalar(const char *text, size_t size);
// The text of a scalar as it stands unquoted in YAML; owned. "" for null, objects and arrays.
char *yamlvalue_scalar_text(const struct value *value);
// Whether a string can stand unquoted in YAML and remain the same string.
bool yamlvalue_may_be_plain(const char *text, size_t length);

// Every document of a stream, in order. A UTF-8 BOM at the start and CRLF are accepted. The error
// names `name`, line, column: "apps/web.yaml:12:3: duplicate key "image"". ERROR_INVALID,
// ERROR_LIMIT.
int yamlvalue_parse_all(const char *text, size_t size, const char *name,
                        const struct yamlvalue_limits *limits, struct vec *ret_documents,
                        struct error *err) __attribute__((warn_unused_result));
// Exactly one document. *ret_value is owned.
int yamlvalue_parse(const char *text, size_t size, const char *name, struct value **ret_value,
                    struct error *err) __attribute__((warn_unused_result));

// As sigs.k8s.io/yaml reads a file: the first document (null where there is none), the last value
// of a key that occurs twice, whatever follows.
int yamlvalue_parse_first(const char *text, size_t size, const char *name, struct value **ret_value,
                          struct error *err) __attribute__((warn_unused_result));

// Whether a text or name in it holds a character that YAML readers refuse as it is: DEL, U+0080 to
// U+009F, U+FFFE, U+FFFF. (Others below a space have escapes in JSON.) U+0085, an end of a line, is
// none in texts: *next_line is set where it sees one, and else left alone.
bool yamlvalue_has_controls(const struct value *value, bool *next_line);
// Makes of U+0085 in its texts what a reader of JSON as YAML 1.1 does: a space, and line ends of
// several; spaces around go.
void yamlvalue_fold_next_lines(struct value *value);

// Block style as kustomize writes it: sorted keys (digits as numbers: b9 before b10), two spaces,
// sequences not indented under their key, lines folded at 80, strings quoted only where another
// reader would take them for something else. Same value, same bytes. ERROR_LIMIT when `out` is
// full; it then holds a part.
int yamlvalue_write(const struct value *value, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

// The line (from 1, in the whole text) of a field given as a dotted path with [n] for sequence
// items ("spec.containers[0].image"; a name may hold dots itself), for messages about a value that
// was parsed before. document_start is the document's `start`. 0 when it cannot be told.
size_t yamlvalue_line_of(const char *text, size_t size, size_t document_start, const char *path);
// The lines of all items of the sequence at path, in one pass: pushes size_t. Pushes nothing when
// there is no sequence.
void yamlvalue_lines_of_items(const char *text, size_t size, size_t document_start,
                              const char *path, struct vec *lines);

#endif
