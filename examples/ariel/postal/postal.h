/* What the postal example calls its tasks and messages. */
#ifndef POSTAL_H
#define POSTAL_H
#define CAMERA        1
#define READER_A     11
#define READER_B     12
#define READER_C     13
#define READER_SPARE 14
#define ADDRESS      20   /* the voted reading */
#define SORTER       30
#define SORTER_WD    31
#define VIDEO_CODING 40   /* people who read what machines cannot */
#define READERS       1
#define MSG_JOIN    101   /* to the spare: take the place of a reader */
#define MSG_DIVERT  102   /* to the camera: send images to people */
#define E_MINORITY   17   /* outvoted */
#endif
