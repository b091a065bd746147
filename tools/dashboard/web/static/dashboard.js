import "./action-forms.js";
import "./filter-form.js";
import "./live-region.js";
import "./service-map.js";
import "./shortcuts.js";
import "./theme-button.js";
