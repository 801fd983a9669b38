#include "cli/substitution.h"

#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/vec.h"
#include "render/envsubst.h"

static json_t *member_of(json_t *substitute, const char *name, json_t *fresh)
{
    if (json_object_get(substitute, name) == NULL)
        json_object_set_new(substitute, name, fresh);
    else
        json_decref(fresh);
    return json_object_get(substitute, name);
}

static int add_variable(json_t *vars, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    cleanup_free char *name = xstrndup(text, equals != NULL ? (size_t)(equals - text) : 0);
    if (equals == NULL || !envsubst_is_name(name))
        return error_set(err, ERROR_INVALID,
                         "--substitute \"%s\": write NAME=VALUE; a name has letters, digits and "
                         "'_', no digit first",
                         text);
    if (json_object_set_new(vars, name, json_string(equals + 1)) < 0)
        return error_set(err, ERROR_INVALID, "--substitute %s: the value is no UTF-8", name);
    return 0;
}

int substitution_read(const struct cli *cli, const json_t *base, json_t **ret_substitute,
                      struct error *err)
{
    cleanup_vec struct vec vars = VEC_OF(const char *, NULL);
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "substitute", &vars);
    cli_list(cli, "substitute-from", &files);
    if (base == NULL && vars.len == 0 && files.len == 0 && !cli_given(cli, "substitute-unset"))
        return 0;
    cleanup_json json_t *substitute = base != NULL ? json_deep_copy(base) : json_object();
    vec_foreach (const char *, text, &vars)
        if (add_variable(member_of(substitute, "vars", json_object()), *text, err) < 0)
            return -1;
    vec_foreach (const char *, file, &files)
        json_array_append_new(member_of(substitute, "from", json_array()), json_string(*file));
    if (cli_given(cli, "substitute-unset"))
        json_object_set_new(substitute, "strict", json_boolean(!cli_flag(cli, "substitute-unset")));
    *ret_substitute = STEAL(substitute);
    return 0;
}
