//! Wrong values are refused, by name, before anything is changed.

use crate::cases::changed_chart;
use crate::helm::Helm;

#[test]
fn the_schema_refuses_wrong_values() {
    let Some(helm) = Helm::find() else { return };
    for (wrong, named) in [
        ("replicas=3", "replicas"),
        ("replicaCount=-1", "replicaCount"),
        ("replicaCount=two", "replicaCount"),
        ("kind=StatefulSet", "'Deployment', 'DaemonSet'"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=abc", "digest"),
        ("image.name=weir", "name"),
        ("service.type=Ingress", "type"),
        ("service.ports.http=70000", "http"),
        ("service.ipFamilies={IPv5}", "ipFamilies"),
        ("service.loadBalancerSourceRanges={10.0.0.0}", "loadBalancerSourceRanges"),
        ("drain.delay=5", "delay"),
        ("clientLimits.maxStreams=0", "maxStreams"),
        ("clientLimits.maxHeaderBytes=64K", "maxHeaderBytes"),
        ("clientLimits.headerTimeout=10", "headerTimeout"),
        ("clientLimits.maxBodies=1", "maxBodies"),
        ("ingressClass.create=true", "create"),
        ("ingressClass.controller=weir", "controller"),
        ("bindAddress=::", "bindAddress"),
        ("logs.access=on", "access"),
        ("updateStrategy.type=Slow", "updateStrategy"),
        ("podDisruptionBudget.maxUnavailable=half", "maxUnavailable"),
        ("autoscaling.minReplicas=0", "minReplicas"),
        ("metrics.serviceMonitor.enable=true", "enable"),
        ("readinessProbe.path=/", "path"),
        ("affinity.nodes=a", "nodes"),
    ] {
        let error = helm.template(&["--set", wrong]).expect_err(wrong);
        assert!(error.contains("values don't meet the specifications"), "{wrong}: {error}");
        assert!(error.contains(named), "{wrong}: {error}");
    }
}

/// What only several values together make wrong.
#[test]
fn contradictions_are_refused_with_what_would_be_right() {
    let Some(helm) = Helm::find() else { return };
    for (wrong, said) in [
        ("terminationGracePeriodSeconds=64", "drain.delay and drain.timeout together (65 s)"),
        ("geoip.existingSecret=a,geoip.existingClaim=b", "geoip: set one of"),
        ("kind=DaemonSet,autoscaling.enabled=true", "use kind Deployment"),
        ("kind=DaemonSet,updateStrategy.type=Recreate", "RollingUpdate or OnDelete"),
        ("updateStrategy.type=OnDelete", "RollingUpdate or Recreate"),
        ("autoscaling.enabled=true,autoscaling.maxReplicas=1", "less than minReplicas (2)"),
        ("trustedHops=1", "set trustedNetworks too"),
        ("trustedNetworks={10.0.0.0/8}", "set trustedHops too"),
        ("hostNetwork=true,networkPolicy.enabled=true", "hostNetwork"),
        (
            "metrics.service.enabled=false,metrics.serviceMonitor.enabled=true",
            "enable metrics.service too, or use metrics.podMonitor",
        ),
    ] {
        let error = helm.template(&["--set", wrong]).expect_err(wrong);
        assert!(error.contains(said), "{wrong}: {error}");
    }
}

/// `helm upgrade --reuse-values` renders with the defaults of the chart before: what it did not have
/// yet is not there.
#[test]
fn a_value_that_the_chart_before_did_not_have_is_its_default() {
    let Some(helm) = Helm::find() else { return };
    let newer = "  controller: weir.dev/ingress-controller\n";
    let folder = tempfile::tempdir().unwrap();
    let older = changed_chart(folder.path(), "values.yaml", newer, "");
    let fixed = ["template", "weir", older.to_str().unwrap(), "--namespace", "weir-system"];
    let output = helm.run(&fixed);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let now = helm.template(&[]).unwrap();
    let other: Vec<_> = rendered.lines().zip(now.lines()).filter(|(a, b)| a != b).collect();
    assert!(other.is_empty() && rendered == now, "{other:?}");
}
