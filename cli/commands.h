// Every command; each is defined in cli/cmd_<name>.c.
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_serve;
extern const struct command command_render;
extern const struct command command_push;
extern const struct command command_pull;
extern const struct command command_copy;
extern const struct command command_gc;
extern const struct command command_sign;
extern const struct command command_approve;
extern const struct command command_verify;
extern const struct command command_sign_bundle;
extern const struct command command_verify_bundle;
extern const struct command command_keygen;
extern const struct command command_pkcs11_signer;
extern const struct command command_trusted_root_update;
extern const struct command command_inspect;
extern const struct command command_diff;
extern const struct command command_apply;
extern const struct command command_get;
extern const struct command command_events;
extern const struct command command_reconcile;
extern const struct command command_rollback;
extern const struct command command_suspend;
extern const struct command command_resume;
extern const struct command command_trigger;
extern const struct command command_delete;
extern const struct command command_create_bundle;
extern const struct command command_create_sync;
extern const struct command command_create_hook;
extern const struct command command_create_policy;
extern const struct command command_create_secret;
extern const struct command command_check;
extern const struct command command_install;
extern const struct command command_uninstall;
extern const struct command command_export;
extern const struct command command_floor_reset;
extern const struct command command_version;
extern const struct command command_completion;
extern const struct command command_reference;

#endif
