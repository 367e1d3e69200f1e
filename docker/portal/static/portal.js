// Embeds the report. The page's CSP allows no script within the page, so what it needs to know stands in attributes.
const report = document.getElementById("report");
const notice = document.getElementById("notice");

async function fetchGuestToken() {
  const answer = await fetch(report.dataset.token, { cache: "no-store" });
  if (answer.status === 401) {
    location.assign(report.dataset.home); // the session has ended
  }
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.error);
  }
  return body.token;
}

async function open() {
  try {
    await supersetEmbeddedSdk.embedDashboard({
      id: report.dataset.dashboard,
      supersetDomain: report.dataset.superset,
      mountPoint: report,
      fetchGuestToken,
      iframeTitle: "Campaign report",
      // The portal has a header of its own, and a phone has no room for filters beside the charts.
      dashboardUiConfig: { hideTitle: true, filters: { visible: true, expanded: innerWidth >= 900 } },
      // Without this a click on an email's name opens a page without styles.
      iframeSandboxExtras: ["allow-popups-to-escape-sandbox"],
    });
    notice.hidden = true;
  } catch (error) {
    notice.textContent = `${error.message} Reload the page to try again.`;
  }
}

open();
