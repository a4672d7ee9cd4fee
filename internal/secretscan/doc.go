// Package secretscan finds secrets and personal data in text, and judges the
// names they stand under.
//
// A Scanner reads a text once, byte by byte, through two automatons made for the
// detectors that are enabled: one stops at keywords in any case ("eyJ", "password",
// "-----BEGIN"), the other at forms (four numbers with dots between them, two
// letters and two digits). Where they stop, code written by hand for that kind of secret looks around,
// within limits, and decides: issuer ranges, check digits, decoded headers,
// checksums. A text that holds escapes, characters nobody sees or look-alikes is
// read a second time as it would be without them, and what is found there is
// mapped back.
//
// Time is linear in the length of the text, whatever the text is. A text without
// a secret costs no allocation. A Scanner may be shared between goroutines.
package secretscan
