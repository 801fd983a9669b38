// ${NAME} in text, with the operators of shells, as Flux's envsubst (after drone's) takes them:
//
//   ${v}                     the value; unset is an error where `strict`, else empty
//   ${v:-d} ${v:=d} ${v=d} ${v:+d}   the value, or d when it is unset or empty
//   ${v:?m}                  the value, or an error that says m
//   ${#v} ${v^} ${v^^} ${v,} ${v,,}   length, upper and lower case (first or all; ASCII letters)
//   ${v:2} ${v:2:3} ${v:-d}  a part; a space before a minus makes it no default
//   ${v#p} ${v##p} ${v%p} ${v%%p}     without what the pattern matches at the start or end
//   ${v/a/b} ${v//a/b} ${v/#a/b} ${v/%a/b}   text replaced: first, all, at the start, at the end
//
// Defaults may hold references. "$$" is one '$'; a '$' before anything else stays.
#ifndef RENDER_ENVSUBST_H
#define RENDER_ENVSUBST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"

// `values` is an object of strings. *ret_name (may be NULL; owned) is the variable that an error is
// about, when it is about one. ERROR_INVALID, ERROR_LIMIT.
int envsubst_expand(const char *text, size_t size, const struct value *values, bool strict,
                    struct strbuf *out, char **ret_name, struct error *err)
    __attribute__((warn_unused_result));

// Whether text can be the name of a variable: letters, digits and '_', no digit first.
bool envsubst_is_name(const char *text);

#endif
