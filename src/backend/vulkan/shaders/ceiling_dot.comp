// ceiling_dot.comp: ceiling_dot.glsl byte by byte.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "ceiling_dot.glsl"
