// What the operators of envsubst make of a value. All results are owned.
#ifndef RENDER_ENVSUBST_INTERNAL_H
#define RENDER_ENVSUBST_INTERNAL_H

#include <stdbool.h>

char *envsubst_change_case(const char *value, const char *operator_name);
char *envsubst_part(const char *value, const char *position, const char *length); // NULL = the rest
char *envsubst_replace(const char *value, const char *operator_name, const char *old,
                       const char *new_text);
// Without what the glob pattern matches at one end: '#' the shortest and "##" the longest at the
// start, '%' and "%%" at the end.
char *envsubst_trim(const char *value, const char *operator_name, const char *pattern);

#endif
