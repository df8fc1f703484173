// ceiling_dot4.comp: ceiling_dot.glsl by the instruction for it.
#version 460
#define DOT4
#extension GL_GOOGLE_include_directive : require
#include "ceiling_dot.glsl"
