// amdc_math64.h: amdc_math.h for double.
#ifndef AMDC_MATH64_H
#define AMDC_MATH64_H

#endif // AMDC_MATH64_H
