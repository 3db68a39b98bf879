//! Plots as SVG: a line for each server.

use std::path::Path;

use plotters::prelude::*;

use super::thousands;

/// A named line through points.
pub struct Line {
    /// What stands in the legend.
    pub name: String,
    /// The points, from the left to the right.
    pub points: Vec<(f64, f64)>,
}

/// How the axes are drawn; x is logarithmic.
pub struct Axes<'a> {
    /// What stands below.
    pub x: &'a str,
    /// What stands on the left.
    pub y: &'a str,
    /// True if y is logarithmic, too; else it begins at zero.
    pub logarithmic: bool,
}

const COLORS: [RGBColor; 9] = [
    BLACK,
    RED,
    BLUE,
    RGBColor(0, 140, 60),
    RGBColor(190, 90, 0),
    RGBColor(150, 0, 150),
    RGBColor(0, 140, 160),
    RGBColor(120, 120, 120),
    RGBColor(160, 130, 0),
];

/// Draws the lines into a file.
///
/// # Errors
///
/// When there are no points, or the file cannot be written; the text says which.
pub fn plot(path: &Path, title: &str, axes: &Axes<'_>, lines: &[Line]) -> Result<(), String> {
    draw(path, title, axes, lines).map_err(|error| format!("cannot draw {}: {error}", path.display()))
}

fn draw(path: &Path, title: &str, axes: &Axes<'_>, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    // A logarithmic y is drawn by its logarithms.
    let height = |y: f64| if axes.logarithmic { y.log10() } else { y };
    let points = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| (point.0, height(point.1)))
    };
    let bounds = |of: fn((f64, f64)) -> f64| {
        points().map(of).fold((f64::MAX, f64::MIN), |(least, most), n| {
            (least.min(n), most.max(n))
        })
    };
    let (x, y) = (bounds(|point| point.0), bounds(|point| point.1));
    if points().next().is_none() {
        return Err("there are no points".into());
    }
    let y = if axes.logarithmic {
        // The names of the lines have the lowest decade for themselves.
        y.0.floor() - 1.0..y.1 + 0.1
    } else {
        0.0..y.1 * 1.15
    };
    let area = SVGBackend::new(path, (800, 450)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((x.0..x.1 * 1.1).log_scale(), y)?;
    let shown = |y: &f64| {
        if axes.logarithmic {
            thousands(10_f64.powf(*y))
        } else {
            thousands(*y)
        }
    };
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(axes.x).y_desc(axes.y).light_line_style(WHITE);
    mesh.x_labels(5)
        .x_label_formatter(&|x| thousands(*x))
        .y_label_formatter(&shown)
        .draw()?;
    for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
        let drawn = line.points.iter().map(|point| (point.0, height(point.1)));
        let series = LineSeries::new(drawn, color.stroke_width(2)).point_size(3);
        let legend = chart.draw_series(series)?.label(&line.name);
        legend.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    let corner = if axes.logarithmic {
        SeriesLabelPosition::LowerLeft
    } else {
        SeriesLabelPosition::LowerRight
    };
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .position(corner)
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_lines_and_without_points_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plot.svg");
        let line = Line {
            name: "the floor".into(),
            points: vec![(10.0, 4.0), (19_000.0, 6.0)],
        };
        let axes = Axes {
            x: "connections",
            y: "µs",
            logarithmic: true,
        };
        plot(&path, "Growth", &axes, &[line]).expect("it is drawn");
        let svg = std::fs::read_to_string(&path).expect("it is there");
        assert!(svg.contains("the floor") && svg.contains("connections"), "{svg}");
        assert!(plot(&path, "Growth", &axes, &[]).is_err());
    }
}
