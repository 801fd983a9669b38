// The table of commands, in the order in which help shows them.
#include "cli/commands.h"

const struct command *const commands[] = {
    // One a line: a command more is a line more.
    &command_install,       &command_uninstall,   &command_serve,       &command_render,
    &command_push,          &command_pull,        &command_copy,        &command_gc,
    &command_sign,          &command_approve,     &command_verify,      &command_sign_bundle,
    &command_verify_bundle, &command_keygen,      &command_inspect,     &command_diff,
    &command_apply,         &command_get,         &command_events,      &command_reconcile,
    &command_suspend,       &command_resume,      &command_trigger,     &command_delete,
    &command_create_bundle, &command_create_sync, &command_create_hook, &command_create_policy,
    &command_create_secret, &command_check,       &command_export,      &command_floor_reset,
    &command_version,       &command_completion,  &command_reference,   NULL,
};
