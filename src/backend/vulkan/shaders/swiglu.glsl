// swiglu.glsl: the experts' activation of one gate and up; a NaN passes.
float swiglu(float gate, float up, float alpha, float limit, float shift)
{
    float g = limit < gate ? limit : gate, u = -limit > up ? -limit : up;
    u = limit < u ? limit : u;
    float s = div1(1.0, 1.0 + exp1(-(alpha * g)));
    return (g * s) * (u + shift);
}
