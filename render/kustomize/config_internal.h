// The built-in tables, for config.c.
#ifndef RENDER_KUSTOMIZE_CONFIG_INTERNAL_H
#define RENDER_KUSTOMIZE_CONFIG_INTERNAL_H

#include "render/kustomize/config.h"

struct config_table {
    const struct fieldspec *rows;
    size_t count;
};

struct config_reference_table {
    const char *group;
    const char *version;
    const char *kind;
    struct config_table fields;
};

extern const struct config_table config_default_specs[CONFIG_SECTIONS];
extern const struct config_reference_table *const config_default_references;
extern const size_t config_default_reference_count;

#endif
