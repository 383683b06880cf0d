/* exp, log and log1p of the choice. With -DHOUSE_MATHS they are those of agents/maths.py, to compare bits with; timed
 * is the build without, which calls the system's. */
#include <math.h>
#include <stdint.h>

#ifdef HOUSE_MATHS
#include <string.h>

static double double_of(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof x);
    return bits;
}

static double exponential(double x)
{
    double within = fmin(700.0, fmax(-700.0, x));
    double n = (within * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
    double r = (within - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
    double factorial = 6227020800.0, series = 1.0 / factorial;
    for (int k = 13; k > 0; k--) {
        factorial /= k;
        series = series * r + 1.0 / factorial;
    }
    return x > -700.0 ? series * double_of(((int64_t)n + 1023) << 52) : 0.0;
}

static double logarithm(double x)
{
    int64_t bits = bits_of(x), n = (bits - 0x3FE6A09E667F3BCD) >> 52;
    double m = double_of(bits - n * ((int64_t)1 << 52));
    double s = (m - 1.0) / (m + 1.0), z = s * s, series = 1.0 / 21.0;
    for (int k = 19; k > 1; k -= 2)
        series = series * z + 1.0 / k;
    return (double)n * 0.6931471803691238 + (2.0 * s + (2.0 * s * z * series + (double)n * 1.9082149292705877e-10));
}

static double logarithm_beside_one(double x)
{
    double whole = 1.0 + x;
    return whole == 1.0 ? x : logarithm(whole) * x / (whole - 1.0);
}
#else
#define exponential exp
#define logarithm log
#define logarithm_beside_one log1p
#endif
