// What frame.c and frame_remote.c share.
#ifndef RENDER_KUSTOMIZE_FRAME_INTERNAL_H
#define RENDER_KUSTOMIZE_FRAME_INTERNAL_H

#include "render/kustomize/frame.h"

// Finds, reads and checks the kustomization in frame->dir of frame->tree.
int frame_load(struct frame *frame, struct error *err) __attribute__((warn_unused_result));

#endif
