// The nodes of a YAML text as libyaml reads them, with all that a JSON value does not hold: for
// structured_text.c, which writes them again, and structured_comments.c, which puts back what
// libyaml leaves out.
#ifndef RENDER_KUSTOMIZE_STRUCTURED_NODE_INTERNAL_H
#define RENDER_KUSTOMIZE_STRUCTURED_NODE_INTERNAL_H

#include <stdbool.h>
#include <yaml.h>

#include "base/error.h"
#include "base/vec.h"

struct structured_node {
    enum { STRUCTURED_SCALAR, STRUCTURED_SEQUENCE, STRUCTURED_MAPPING, STRUCTURED_ALIAS } kind;
    bool flow;                 // of a collection
    yaml_scalar_style_t style; // of a scalar
    char *text;                // owned; of a scalar, or the anchor that an alias names
    char *anchor;              // owned; NULL for none
    char *tag;                 // owned; as it is to be written out; NULL for none
    struct vec children;       // struct structured_node *; of a mapping keys and values in turn
    yaml_mark_t start;         // where it was read
    yaml_mark_t end;
    char *head_comment; // owned; whole lines above, without their indentation; NULL for none
    char *line_comment; // owned; behind it, with its '#'; NULL for none
    char *foot_comment; // owned; whole lines below, indented from its line on; NULL for none
    char *last_comment; // owned; of the root: whole lines at the end of the text
};

struct structured_node *structured_node_new(void);
void structured_node_free(struct structured_node *node); // NULL is fine
void cleanup_structured_node_pointer(struct structured_node **node);
#define cleanup_structured_node __attribute__((cleanup(cleanup_structured_node_pointer)))

// The first document of a text. Owned. ERROR_INVALID, ERROR_LIMIT.
int structured_node_read(const char *text, struct structured_node **ret_node, struct error *err)
    __attribute__((warn_unused_result));

// Finds the comments of the text that root was read from. ERROR_INVALID for a comment that stands
// where go-yaml's rules about blank lines and indentation would be needed.
int structured_comments_read(const char *text, struct structured_node *root, struct error *err)
    __attribute__((warn_unused_result));
// Puts them into `written`, which is root without them. Owned result.
int structured_comments_write(const char *written, const struct structured_node *root,
                              char **ret_text, struct error *err)
    __attribute__((warn_unused_result));

#endif
