// From file:// a browser lets no page read another, so that search can list
// the pages it found, but not quote them.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
