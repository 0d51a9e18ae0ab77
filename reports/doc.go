// Package reports shows a run: as a page, on a terminal, as JSON and as JUnit.
// Everything here is a pure function of what a run folder holds. It judges
// nothing: whatever a checker should have computed is taken from its results or
// is not shown. Texts of targets, clients and logs are untrusted everywhere.
package reports
